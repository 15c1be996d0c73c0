"""BM25 (Robertson and Zaragoza, 2009): how much of what a query asks for stands in a text. Pure.

`memories.search.retrieval` has the same formula as SQL.

The length that counts as usual is fixed, not the mean of the tenant's messages: that would have to be kept up to date
by every write, and moves nothing (docs/adr/0008).
"""

import math
from collections.abc import Sequence

SATURATION = 1.2  # k1
LENGTH_NORMALISATION = 0.6  # b
USUAL_LENGTH = 12.0  # terms


def rarity(messages_with: int, *, of: int) -> float:
    """The weight of a word that stands in so many of the messages searched: the rarer, the more it tells."""
    return math.log(1 + (max(of - messages_with, 0) + 0.5) / (messages_with + 0.5))


def covered(frequencies: Sequence[float], rarities: Sequence[float], *, length: float, turns: int = 1) -> float:
    """The share, 0 to 1, of the words' weight that a text of `length` terms holds; `turns` are so many messages."""
    damping = SATURATION * (1 - LENGTH_NORMALISATION + LENGTH_NORMALISATION * length / (USUAL_LENGTH * turns))
    found = sum(
        rarity * often / (often + damping) for often, rarity in zip(frequencies, rarities, strict=True) if often
    )
    return found / (sum(rarities) or 1.0)
