"""The bundled model, run by ONNX Runtime: several times as fast as by torch, in a fraction of its memory.

It is exported once from the verified weights (`memories.providers.onnx_export`, in a process of its own, so that torch
is loaded in no other) and kept with its checksum.
"""

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memories.providers.base import ProviderUnavailable, Vectors
from memories.providers.encoder import Encoded, said

if TYPE_CHECKING:
    import onnxruntime

BATCH = 8
EXPORT_SECONDS = 300.0


class OnnxEncoder:
    """`weights`: the folder of the bundled model, whose tokenizer this uses; `model`: what was exported from it."""

    def __init__(self, weights: Path, *, model: Path) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        longest = json.loads((weights / "sentence_bert_config.json").read_text())["max_seq_length"]
        self.window_tokens = longest - self.tokenizer.num_special_tokens_to_add(is_pair=False)
        self._session = _session(model)
        self.dimensions = self._session.get_outputs()[0].shape[-1]

    def encode(self, texts: Sequence[str], *, is_query: bool) -> list[Encoded]:
        ids = [one.ids[: self.window_tokens + 2] for one in self.tokenizer.encode_batch(list(texts))]
        by_length = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        found: dict[int, Encoded] = {}
        for start in range(0, len(ids), BATCH):
            batch = by_length[start : start + BATCH]
            found |= zip(batch, self._run([ids[index] for index in batch]), strict=True)
        return [found[index] for index in range(len(ids))]

    def _run(self, ids: Sequence[Sequence[int]]) -> list[Encoded]:
        """The vector of a text is the mean of those of its tokens."""
        padded = np.zeros((len(ids), max(map(len, ids))), dtype=np.int64)
        for row, one in zip(padded, ids, strict=True):
            row[: len(one)] = one
        mask = np.arange(padded.shape[1]) < np.array([[len(one)] for one in ids])
        (tokens,) = self._session.run(None, {"input_ids": padded, "attention_mask": mask.astype(np.int64)})
        rows: list[Vectors] = [row[: len(one)] for row, one in zip(tokens, ids, strict=True)]
        return [Encoded(row.mean(axis=0), said(row)) for row in rows]


def _session(model: Path) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # requests and worker processes are what runs in parallel
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def exported(weights: Path, *, precision: str, folder: Path) -> Path:
    """The model exported from `weights`, kept in `folder`; made now unless it is whole. Raises ProviderUnavailable.

    `precision`: "int8" or "float32".
    """
    model = folder / f"{weights.parent.name}-{precision}.onnx"
    try:
        if not _is_whole(model):  # a folder that comes with an image may be one to read only
            folder.mkdir(parents=True, exist_ok=True)
            _export_once(weights, model, precision)
    except OSError as error:
        raise ProviderUnavailable(f"the model cannot be kept in {folder}: {error.strerror}") from error
    return model


def _export_once(weights: Path, model: Path, precision: str) -> None:
    with _one_at_a_time(model.parent / "lock"):
        if not _is_whole(model):
            _export(weights, model, precision)
            _checksum(model).write_text(_digest(model))


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Of all processes that start together, one exports and the others wait for it."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_whole(model: Path) -> bool:
    return model.exists() and _checksum(model).exists() and _checksum(model).read_text() == _digest(model)


def _checksum(model: Path) -> Path:
    return model.with_suffix(".sha256")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _export(weights: Path, model: Path, precision: str) -> None:
    command = [sys.executable, "-m", "memories.providers.onnx_export", str(weights), str(model), precision]
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=EXPORT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ProviderUnavailable(f"the model was not exported in {EXPORT_SECONDS:.0f} s") from None
    if done.returncode:
        raise ProviderUnavailable(f"the model could not be exported: {done.stderr.strip().splitlines()[-1:]}")
