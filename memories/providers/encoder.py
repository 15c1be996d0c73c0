"""What the ways to run a local model have in common: texts in, a vector of each and one of each of its tokens out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from memories.providers.base import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Encoded(NamedTuple):
    """A text's vector, shape (dimensions,), and those of its tokens, shape (tokens, dimensions), each of length 1."""

    vector: Vectors
    tokens: Vectors


class Encoder(Protocol):
    """A loaded model. `tokenizer` cuts and pads nothing; a text of up to `window_tokens` tokens is read whole."""

    tokenizer: "Tokenizer"
    window_tokens: int
    dimensions: int | None

    def encode(self, texts: Sequence[str], *, is_query: bool) -> list[Encoded]:
        """In the order of `texts`; any thread may call it."""


def said(tokens: Vectors) -> Vectors:
    """Of length 1 and without those that mark a text's beginning and end; a text of nothing else is its own token."""
    inner = tokens[1:-1] if len(tokens) > 2 else tokens
    unit: Vectors = inner / np.linalg.norm(inner, axis=1, keepdims=True)
    return unit
