"""What vendors have in common, their failures, and what one of embeddings is: a small protocol, a check of vectors."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from memories.providers.language_model import Usage

Vectors = npt.NDArray[np.float32]


class ProviderError(Exception):
    """A sentence fit for an operator; it never holds the text of a message or a key.

    `usage` is what a language model took before it failed, if it took anything; `outcome` is what metrics call it.
    """

    usage: Usage | None = None
    outcome = "error"


class ProviderUnavailable(ProviderError):
    """Transient: network, 429, 5xx, timeout, open circuit. `retry_after`: seconds the vendor asked for, if it did."""

    outcome = "unavailable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ProviderRejected(ProviderError):
    """Permanent: a bad key, model, input or answer. Repeating the call would fail again."""

    outcome = "rejected"


class UnusableAnswer(ProviderRejected):
    """The embedding model's answer was no vectors as asked for: the vendor's fault, and not for ever the text's."""


class MalformedAnswer(ProviderRejected):
    """The language model's answer had another shape than asked for, and so had the one that was to put it right."""


class Refused(ProviderRejected):
    """The language model, or a filter of its vendor, would not answer this text."""


class ProviderMisconfigured(Exception):
    """Settings with which no call could ever succeed, found when the provider is built."""


class EmbeddingProvider(Protocol):
    """An embedding model: vectors are float32, of length 1, with `dimensions` numbers; all calls are thread-safe."""

    name: str
    model_name: str
    dimensions: int

    def split(self, text: str) -> list[str]:
        """Overlapping windows that cover the whole text, each no longer than the model reads; `[text]` if it fits."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions), in order. What a text has beyond one window (see `split`) may be ignored."""

    def embed_query(self, text: str) -> Vectors:
        """Shape (dimensions,). A query longer than one window becomes the mean of its windows. Never retried."""


@runtime_checkable
class TokenProvider(EmbeddingProvider, Protocol):
    """A model that also shows a vector for each token of a text, of length 1, for late interaction."""

    def embed_document_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """What `embed_documents` gives, and for each text the vectors of its tokens, shape (tokens, dimensions)."""

    def embed_query_tokens(self, text: str) -> tuple[Vectors, Vectors]:
        """What `embed_query` gives, and the vectors of the query's tokens."""


def checked(vectors: object, *, count: int, dimensions: int) -> Vectors:
    """`vectors` as `count` rows of length 1; UnusableAnswer unless they are finite, non-zero and of that shape."""
    try:
        rows = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError):
        raise UnusableAnswer("the embedding model answered with something that is not a list of vectors") from None
    if count == 0 and rows.size == 0:
        return np.empty((0, dimensions), dtype=np.float32)
    if rows.shape != (count, dimensions):
        raise UnusableAnswer(
            f"the embedding model answered with vectors of shape {rows.shape}, expected {(count, dimensions)}"
        )
    if not np.isfinite(rows).all():
        raise UnusableAnswer("the embedding model answered with a vector that holds NaN or infinity")
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not largest.all():
        raise UnusableAnswer("the embedding model answered with a vector of zeros")
    rows = rows / largest  # first to a sane size, so that the squares below neither overflow nor vanish
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def centroid(vectors: Vectors) -> Vectors:
    """The direction, shape (dimensions,), that the rows share."""
    mean: Vectors = checked(vectors.mean(axis=0, keepdims=True), count=1, dimensions=vectors.shape[1])[0]
    return mean


def resolved_dimensions(wanted: int | None, *, model_name: str, native: int | None, shortens: bool = False) -> int:
    """The size of the vectors: `wanted`, if the model gives or (when it `shortens`) can be told to give it."""
    if wanted is None and native is None:
        raise ProviderMisconfigured(
            f"the size of {model_name}'s vectors is not known here: set MEMORY_EMBEDDING_DIMENSIONS to it"
        )
    if wanted is None or native is None:
        return wanted or native or 0
    if wanted == native or (shortens and 0 < wanted < native):
        return wanted
    raise ProviderMisconfigured(
        f"MEMORY_EMBEDDING_DIMENSIONS is {wanted}, but vectors of {model_name} have {native} dimensions"
    )


def model_key(provider: EmbeddingProvider) -> str:
    """Names the model in rows: vectors of different keys are never compared."""
    return f"{provider.name}:{provider.model_name}:{provider.dimensions}"
