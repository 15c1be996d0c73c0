"""What embedding vendors behind HTTP have in common: windows, batches, retries and the circuit."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from memories.providers.base import Vectors, centroid, checked
from memories.providers.resilience import Circuit, patiently
from memories.providers.windows import batches, byte_windows

MODEL_SETTING = "MEMORY_EMBEDDING_MODEL_NAME"
DOCUMENT_RETRIES = 2
WINDOW_OVERLAP = 0.1  # of a window


class Limits(NamedTuple):
    """The most a vendor takes: bytes of UTF-8 in one text, texts in one call, bytes in one call."""

    window: int
    items: int
    size: int


class RemoteProvider(ABC):
    """One attempt takes up to `timeout_seconds`; a call for documents is given up before three times that."""

    name: str
    model_name: str
    dimensions: int
    limits: Limits

    def __init__(self, vendor: str, *, timeout_seconds: float, failure_threshold: int, recovery_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._circuit = Circuit(vendor, failure_threshold=failure_threshold, recovery_seconds=recovery_seconds)

    @abstractmethod
    def _request(self, texts: list[str], *, is_query: bool) -> object:
        """One call to the vendor: a vector per text, in order; the vendor's exceptions as ours."""

    def split(self, text: str) -> list[str]:
        return byte_windows(text, size=self.limits.window, overlap=int(self.limits.window * WINDOW_OVERLAP))

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        parts = [self._embed_batch(batch) for batch in batches(texts, items=self.limits.items, size=self.limits.size)]
        return np.concatenate([np.empty((0, self.dimensions), dtype=np.float32), *parts])

    def _embed_batch(self, batch: list[str]) -> Vectors:
        # The last attempt begins within two timeouts and ends within the third.
        budget = 2 * self._timeout_seconds
        return patiently(lambda: self._attempt(batch), retries=DOCUMENT_RETRIES, budget_seconds=budget)

    def embed_query(self, text: str) -> Vectors:
        return centroid(self._attempt(self.split(text)[: self.limits.items], is_query=True))

    def _attempt(self, texts: list[str], *, is_query: bool = False) -> Vectors:
        vectors = self._circuit.call(lambda: self._request(texts, is_query=is_query))
        return checked(vectors, count=len(texts), dimensions=self.dimensions)
