"""A cross-encoder reads a query and a text together: slower than to compare vectors, and nearer to what both say."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import structlog

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

log = structlog.get_logger(__name__)
BATCH = 16


class Reranker:
    """A model of sentence-transformers, by path or hub id; loaded at first use. Threads take turns at it."""

    def __init__(self, *, model_name: str) -> None:
        self.model_name = model_name
        self._lock = threading.Lock()
        self._model: CrossEncoder | None = None
        self._is_out_of_order = False

    def scores(self, query: str, texts: Sequence[str]) -> list[float] | None:
        """How well each text answers the query, 0 to 1; None, after a warning in the log, if there is no telling.

        A model that cannot be loaded is not tried again by this process.
        """
        with self._lock:
            if self._is_out_of_order:
                return None
            try:
                return self._scores(query, texts)
            except Exception as error:  # noqa: BLE001 - whatever a library raises: results stay as they were ranked
                self._is_out_of_order = self._model is None
                reason = str(error) if self._is_out_of_order else type(error).__name__  # which may quote no text
                log.warning("not_reranked", model=self.model_name, reason=reason)
                return None

    def _scores(self, query: str, texts: Sequence[str]) -> list[float]:
        from torch.nn import Sigmoid

        if self._model is None:
            self._model = _load(self.model_name)
        pairs = [(query, text) for text in texts]
        scores = self._model.predict(pairs, batch_size=BATCH, activation_fn=Sigmoid(), show_progress_bar=False)
        if scores.shape != (len(texts),) or not np.isfinite(scores).all():
            raise ValueError(f"expected a finite number for each text, not an array of shape {scores.shape}")
        return [float(score) for score in scores]


def _load(model_name: str) -> "CrossEncoder":
    from sentence_transformers import CrossEncoder
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    model: CrossEncoder = CrossEncoder(model_name)
    return model
