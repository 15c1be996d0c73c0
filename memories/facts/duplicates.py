"""Which of many statements say the same: those that came in words too different for supersession to see it at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from memories.facts.statements import SAME_COSINE, has_same_details, normalised


def duplicates(contents: Sequence[str], vectors: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs (survivor, duplicate) of places in `contents`, of which the earlier survives.

    `vectors` has a row of length 1 for each content, or of zeros where there is none. All are of one slot.
    """
    words = [normalised(content) for content in contents]
    survivors: list[int] = []
    pairs = []
    for place in range(len(contents)):
        first = _first_alike(place, survivors, words, vectors)
        if first is None:
            survivors.append(place)
        else:
            pairs.append((first, place))
    return pairs


def _first_alike(
    place: int, survivors: Sequence[int], words: Sequence[str], vectors: npt.NDArray[np.float32]
) -> int | None:
    near = vectors[survivors] @ vectors[place] >= SAME_COSINE
    alike = (
        survivor
        for survivor, is_near in zip(survivors, near, strict=True)
        if words[survivor] == words[place] or (is_near and has_same_details(words[survivor], words[place]))
    )
    return next(alike, None)
