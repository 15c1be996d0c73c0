"""A deterministic stand-in without a model: texts that share words, or parts of words, have similar vectors."""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import shake_128

import numpy as np

from memories.providers.base import Vectors, centroid, checked
from memories.providers.windows import byte_windows

DEFAULT_DIMENSIONS = 64
WINDOW_BYTES, OVERLAP_BYTES = 2000, 200


class MockProvider:
    """Each word and each run of three letters in it stands for a fixed random direction; a text is their sum."""

    name = "mock"

    def __init__(self, *, model_name: str | None = None, dimensions: int | None = None) -> None:
        self.model_name = model_name or "mock"
        self.dimensions = dimensions or DEFAULT_DIMENSIONS

    def split(self, text: str) -> list[str]:
        return byte_windows(text, size=WINDOW_BYTES, overlap=OVERLAP_BYTES)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        sums = [np.sum([_direction(part, self.dimensions) for part in _features(text)], axis=0) for text in texts]
        return checked(sums, count=len(texts), dimensions=self.dimensions)

    def embed_query(self, text: str) -> Vectors:
        return centroid(self.embed_documents([text]))


def _features(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    parts = [f"#{word}#"[i : i + 3] for word in words for i in range(len(word))]
    return [*words, *parts] or [text]


@lru_cache(maxsize=20_000)
def _direction(feature: str, dimensions: int) -> Vectors:
    # A hash of the text itself, since Python's hash() differs from process to process.
    return np.frombuffer(shake_128(feature.encode()).digest(dimensions), dtype=np.uint8) - np.float32(127.5)
