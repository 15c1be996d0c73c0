"""BM25 (Robertson and Zaragoza, 2009): how much of what a query asks for stands in a text. Pure.

`memories.search.retrieval` has the same formula as SQL.

The length that counts as usual is fixed, not the mean of the tenant's messages: that would have to be kept up to date
by every write, and moves nothing (docs/adr/0008).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SATURATION = 1.2  # k1
LENGTH_NORMALISATION = 0.6  # b
USUAL_LENGTH = 12.0  # terms


def rarity(messages_with: int, *, of: int) -> float:
    """The weight of a word that stands in so many of the messages searched: the rarer, the more it tells."""
    return math.log(1 + (max(of - messages_with, 0) + 0.5) / (messages_with + 0.5))


def covered(frequencies: Any, rarities: Sequence[float], *, length: Any, turns: int = 1) -> npt.NDArray[np.float64]:
    """The share, 0 to 1, of the words' weight that texts of `length` terms hold; each of them is so many `turns`.

    `frequencies`: shape (texts, words), of each word in each text; or (words,), of one text.
    """
    often, weight = np.asarray(frequencies, dtype=np.float64), np.asarray(rarities, dtype=np.float64)
    lengths = np.asarray(length, dtype=np.float64)[..., np.newaxis]
    if not often.size:
        return np.zeros(lengths.shape[:-1])
    damping = SATURATION * (1 - LENGTH_NORMALISATION + LENGTH_NORMALISATION * lengths / (USUAL_LENGTH * turns))
    share: npt.NDArray[np.float64] = (often / (often + damping)) @ weight / (weight.sum() or 1.0)
    return share
