"""Embeddings kept between runs: a labelled set is asked again and again, its texts never change."""

import hashlib
import io
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memories.providers.base import EmbeddingProvider, Vectors, model_key

Arrays = Mapping[str, npt.NDArray[Any]]


class Store:
    """Named arrays by key, in a file of SQLite: .npz archives, which hold numbers and nothing that could be run."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path)
        self._connection.execute("CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, arrays BLOB NOT NULL)")

    def get(self, key: str) -> Arrays | None:
        row = self._connection.execute("SELECT arrays FROM entry WHERE key = ?", [key]).fetchone()
        if row is None:
            return None
        with np.load(io.BytesIO(row[0]), allow_pickle=False) as archive:
            return dict(archive)

    def keep(self, entries: Iterable[tuple[str, Arrays]]) -> None:
        rows = [(key, _packed(arrays)) for key, arrays in entries]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?)", rows)

    def close(self) -> None:
        self._connection.close()


def _packed(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


class CachingProvider:
    """An embedding provider that asks the one behind it for new texts alone; whatever else that one has, this has."""

    def __init__(self, inner: EmbeddingProvider, *, store: Store) -> None:
        self.name, self.model_name, self.dimensions = inner.name, inner.model_name, inner.dimensions
        self._inner, self._store = inner, store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def split(self, text: str) -> list[str]:
        return self._inner.split(text)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        known = {text: self._store.get(self._key("document", text)) for text in texts}
        missing = [text for text, arrays in known.items() if arrays is None]
        if missing:
            vectors = self._inner.embed_documents(missing)
            fresh: dict[str, Arrays] = {text: {"vector": row} for text, row in zip(missing, vectors, strict=True)}
            self._store.keep((self._key("document", text), arrays) for text, arrays in fresh.items())
            known |= fresh
        rows = [arrays["vector"] for arrays in map(known.get, texts) if arrays is not None]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dimensions)

    def embed_query(self, text: str) -> Vectors:
        key = self._key("query", text)
        arrays = self._store.get(key)
        if arrays is None:
            arrays = {"vector": self._inner.embed_query(text)}
            self._store.keep([(key, arrays)])
        return np.asarray(arrays["vector"], dtype=np.float32)

    def _key(self, use: str, text: str) -> str:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        return f"{model_key(self._inner)}:{use}:{digest}"
