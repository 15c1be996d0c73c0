"""Late interaction (ColBERT, Khattab and Zaharia, 2020): each token of a query finds its best match in a text. Pure.

Of a text's token vectors only the signs are kept, one bit a dimension: 48 bytes a token instead of 1,536.
"""

import numpy as np

from memories.providers.base import Vectors


def packed(tokens: Vectors) -> bytes:
    """The signs of token vectors, shape (tokens, dimensions), as bits."""
    return np.packbits(tokens > 0, axis=1).tobytes()


def unpacked(bits: bytes, *, dimensions: int) -> Vectors:
    """The signs, -1 and 1, that were packed, shape (tokens, dimensions)."""
    ones = np.unpackbits(np.frombuffer(bits, dtype=np.uint8).reshape(-1, dimensions // 8), axis=1)
    return ones.astype(np.float32) * 2 - 1


def closeness(query: Vectors, texts: list[bytes]) -> Vectors:
    """For each packed text the mean, over the tokens of the query (tokens, dimensions), of the best cosine in it."""
    dimensions = query.shape[1]
    bits = np.frombuffer(b"".join(texts), dtype=np.uint8).reshape(-1, dimensions // 8)
    signs = np.unpackbits(bits, axis=1).astype(np.float32)
    # cosine(q, 2b - 1) = (2 q·b - sum(q)) / sqrt(dimensions), which spares turning bits into signs
    cosines = (2 * (signs @ query.T) - query.sum(axis=1)) / np.sqrt(dimensions)
    starts = np.cumsum([0, *(len(text) * 8 // dimensions for text in texts[:-1])])
    best: Vectors = np.maximum.reduceat(cosines, starts, axis=0).mean(axis=1)
    return best
