"""What messages are made of: sentences with their real embeddings, of which any number of others are mixed.

A message is two sentences. Its vector is the mean of theirs with a little noise, its token bits are those of both, and
its postings are what the product would write: neighbourhoods are as uneven as those of real text.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench import words
from memories.providers.base import EmbeddingProvider, TokenProvider, Vectors, model_key
from memories.ranking.late_interaction import packed

BATCH = 64
NOISE = 0.3  # of the length of a vector


@dataclass(frozen=True)
class Corpus:
    """`vectors`: shape (texts, dimensions); `tokens`: of each text, packed, None where the provider shows none."""

    model: str
    texts: Sequence[str]
    vectors: Vectors
    tokens: Sequence[bytes | None]

    @classmethod
    def of(cls, provider: EmbeddingProvider, *, size: int) -> "Corpus":
        texts = list(itertools.islice(words.sentences(), size))
        batches = [_embedded(provider, texts[start : start + BATCH]) for start in range(0, size, BATCH)]
        vectors = np.concatenate([vectors for vectors, _ in batches])
        return cls(model_key(provider), texts, vectors, [bits for _, tokens in batches for bits in tokens])

    def mixed(self, count: int, chance: np.random.Generator) -> Iterator[tuple[str, Vectors, bytes | None]]:
        """`count` messages: text, vector and token bits."""
        pairs = chance.integers(len(self.texts), size=(count, 2))
        dimensions = self.vectors.shape[1]
        noise = chance.normal(scale=NOISE / np.sqrt(dimensions), size=(count, dimensions))
        rows = self.vectors[pairs[:, 0]] + self.vectors[pairs[:, 1]] + noise
        unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        for (one, other), vector in zip(pairs, unit, strict=True):
            yield f"{self.texts[one]} {self.texts[other]}", vector, _joined(self.tokens[one], self.tokens[other])


def _joined(one: bytes | None, other: bytes | None) -> bytes | None:
    return one + other if one is not None and other is not None else None


def _embedded(provider: EmbeddingProvider, texts: Sequence[str]) -> tuple[Vectors, Sequence[bytes | None]]:
    if isinstance(provider, TokenProvider):
        vectors, tokens = provider.embed_document_tokens(texts)
        return vectors, [packed(one) for one in tokens]
    return provider.embed_documents(texts), [None] * len(texts)
