"""Embeddings kept between runs: a labelled set is asked again and again, its texts never change."""

import hashlib
import io
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memories.providers.base import EmbeddingProvider, TokenProvider, Vectors, model_key
from memories.ranking.late_interaction import packed, unpacked

Arrays = Mapping[str, npt.NDArray[Any]]
Embed = Callable[[Sequence[str]], list[Arrays]]


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
        return self._rows("document", texts, lambda new: _vectors(self._inner.embed_documents(new)))

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._rows("query", [text], lambda new: _vectors([self._inner.embed_query(new[0])]))[0]
        return vector

    def _rows(self, use: str, texts: Sequence[str], embed: Embed) -> Vectors:
        return np.array([one["vector"] for one in self._known(use, texts, embed)], dtype=np.float32).reshape(
            len(texts), self.dimensions
        )

    def _known(self, use: str, texts: Sequence[str], embed: Embed) -> list[Arrays]:
        """What is kept of each text; the missing ones are embedded and kept."""
        known = {text: self._store.get(self._key(use, text)) for text in texts}
        if missing := [text for text, arrays in known.items() if arrays is None]:
            fresh = dict(zip(missing, embed(missing), strict=True))
            self._store.keep((self._key(use, text), arrays) for text, arrays in fresh.items())
            known |= fresh
        return [arrays for arrays in map(known.get, texts) if arrays is not None]

    def _key(self, use: str, text: str) -> str:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        return f"{model_key(self._inner)}:{use}:{digest}"


class CachingTokenProvider(CachingProvider):
    """The same of a provider with token vectors. Of those of documents the signs are kept: more is not searched by."""

    _inner: TokenProvider

    def embed_document_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        known = self._known("document tokens", texts, self._embed_documents)
        vectors = np.array([one["vector"] for one in known], dtype=np.float32).reshape(len(texts), self.dimensions)
        return vectors, [unpacked(one["tokens"].tobytes(), dimensions=self.dimensions) for one in known]

    def embed_query_tokens(self, text: str) -> tuple[Vectors, Vectors]:
        (known,) = self._known("query tokens", [text], self._embed_queries)
        return known["vector"], known["tokens"]

    def _embed_documents(self, texts: Sequence[str]) -> list[Arrays]:
        vectors, tokens = self._inner.embed_document_tokens(texts)
        bits = [np.frombuffer(packed(one), dtype=np.uint8) for one in tokens]
        return [{"vector": vector, "tokens": of_text} for vector, of_text in zip(vectors, bits, strict=True)]

    def _embed_queries(self, texts: Sequence[str]) -> list[Arrays]:
        found = [self._inner.embed_query_tokens(text) for text in texts]
        return [{"vector": vector, "tokens": tokens} for vector, tokens in found]


def caching(inner: EmbeddingProvider, *, store: Store) -> CachingProvider:
    if isinstance(inner, TokenProvider):
        return CachingTokenProvider(inner, store=store)
    return CachingProvider(inner, store=store)


def _vectors(rows: Iterable[Vectors]) -> list[Arrays]:
    return [{"vector": row} for row in rows]
