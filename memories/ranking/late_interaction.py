"""Late interaction (ColBERT, Khattab and Zaharia, 2020): each token of a query finds its best match in a text. Pure.

Of token vectors only the signs are kept, one bit a dimension: 48 bytes a token instead of 1,536. How many of them two
tokens share says how small the angle between them is; to count them takes a sixth of the time of products with the
query's own numbers, and finds the same (docs/adr/0008).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from memories.providers.base import Vectors
from memories.ranking import Numbers


def packed(tokens: Vectors) -> bytes:
    """The signs of token vectors, shape (tokens, dimensions), as bits."""
    return np.packbits(tokens > 0, axis=1).tobytes()


def unpacked(bits: bytes, *, dimensions: int) -> Vectors:
    """The signs, -1 and 1, that were packed, shape (tokens, dimensions)."""
    ones = np.unpackbits(np.frombuffer(bits, dtype=np.uint8).reshape(-1, dimensions // 8), axis=1)
    return ones.astype(np.float32) * 2 - 1


def closeness(query: bytes, texts: Sequence[bytes], *, dimensions: int) -> Numbers:
    """For each text the mean, over the tokens of the query, of the best agreement with a token of it, -1 to 1.

    Two tokens that share all signs agree by 1, half of them by 0. Query and texts as they are `packed`.
    """
    width = -(-dimensions // 8)
    ours, theirs = _by_word(query, width), _by_word(b"".join(texts), width)
    differing = np.zeros((ours.shape[1], theirs.shape[1]), dtype=np.uint16)
    for our, their in zip(ours, theirs, strict=True):
        differing += np.bitwise_count(our[:, np.newaxis] ^ their)
    starts = np.cumsum([0, *(len(text) // width for text in texts[:-1])])
    fewest: Numbers = np.minimum.reduceat(differing, starts, axis=1).mean(axis=0)
    return 1 - 2 * fewest / dimensions


def _by_word(bits: bytes, width: int) -> npt.NDArray[Any]:
    """Shape (words, tokens): as few words of the processor as tokens of so many bytes can be cut into."""
    word = np.dtype(np.uint8 if width % 8 else np.uint64)
    return np.ascontiguousarray(np.frombuffer(bits, dtype=word).reshape(-1, width // word.itemsize).T)
