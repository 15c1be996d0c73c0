"""The files of cold storage: gzipped JSON Lines, one message with all that belongs to it on each, and a manifest.

They lie in the storage `cold` (Django's storage API). What is read is checked first, against sums and manifest.
"""

import base64
import gzip
import hashlib
import io
import json
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from django.core.files import File
from django.core.files.storage import Storage, storages

from memories.providers.base import Vectors

FORMAT = 1
SUFFIX = ".jsonl.gz"
MANIFEST_SUFFIX = ".manifest.json"
UNREADABLE = (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError)


class CorruptColdFile(Exception):
    """A file, or its manifest, is not what was written: missing, cut off or changed."""


@dataclass(frozen=True)
class Manifest:
    """What a file holds. `oldest` and `newest` are when its messages were created, ISO 8601; `bytes` are compressed.

    `sha256` is of the file as it lies there, `lines_sha256` of the lines in it, `models` are those of its vectors.
    """

    format: int
    tenant: str
    run: str
    messages: int
    oldest: str
    newest: str
    bytes: int
    sha256: str
    lines_sha256: str
    models: list[str]


def manifest_path(path: str) -> str:
    return path.removesuffix(SUFFIX) + MANIFEST_SUFFIX


# --- Writing ----------------------------------------------------------------------------------------------------------


def save(path: str, lines: Iterable[str], *, tenant: str, run: str) -> Manifest | None:
    """Write a file of `lines` and its manifest over whatever lies at `path`, and read both back.

    Without any line nothing lies there afterwards, and there is no manifest. Raises CorruptColdFile.
    """
    with TemporaryFile() as packed:
        count = _pack(lines, packed)
        remove(path)
        if not count:
            return None
        manifest = _described(packed, tenant=tenant, run=run)
        _put(path, packed)
        _put(manifest_path(path), io.BytesIO(json.dumps(asdict(manifest), indent=2).encode()))
    with opened(path, tenant=tenant, run=run, sha256=manifest.sha256):
        return manifest


def remove(path: str) -> None:
    """Delete a file and its manifest, where they are."""
    for one in (path, manifest_path(path)):
        _storage().delete(one)


def paths_in(folder: str) -> list[str]:
    """Of the files that lie there and in the folders below, without their manifests."""
    try:
        folders, names = _storage().listdir(folder)
    except FileNotFoundError:
        return []
    below = [path for name in folders for path in paths_in(f"{folder}/{name}")]
    return [f"{folder}/{name}" for name in names if name.endswith(SUFFIX)] + below


def _pack(lines: Iterable[str], packed: IO[bytes]) -> int:
    """Return how many. The same lines make the same bytes, at whatever time."""
    count = 0
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        for count, line in enumerate(lines, start=1):  # noqa: B007 - the last one is what is asked for
            file.write(f"{line}\n".encode())
    return count


def _put(path: str, content: IO[bytes]) -> None:
    content.seek(0)
    saved = _storage().save(path, File(content, name=path))
    if saved != path:
        _storage().delete(saved)
        raise CorruptColdFile(f"{path} appeared while it was being written: two processes work on one run.")


def _storage() -> Storage:
    return storages["cold"]


# --- Reading ----------------------------------------------------------------------------------------------------------


@contextmanager
def opened(path: str, *, tenant: str, run: str, sha256: str) -> Iterator[IO[bytes]]:
    """A copy of the file at `path`, on this machine and found to be sound, for `records`.

    Raises CorruptColdFile if it or its manifest is missing, is not of this tenant and run, does not have this sum, or
    if the two do not agree.
    """
    with TemporaryFile() as packed:
        try:
            stated = _stated(path)
            with _storage().open(path) as file:
                shutil.copyfileobj(file, packed)
            found = asdict(_described(packed, tenant=tenant, run=run))
        except UNREADABLE as error:
            raise CorruptColdFile(f"{path} cannot be read: {type(error).__name__}: {error}") from error
        if found["sha256"] != sha256:
            raise CorruptColdFile(f"{path} has been changed: its SHA-256 is not the one that was registered.")
        if wrong := [name for name in found.keys() | stated.keys() if found.get(name) != stated.get(name)]:
            raise CorruptColdFile(f"{path} and its manifest disagree on {', '.join(sorted(wrong))}.")
        yield packed


def records(packed: IO[bytes]) -> Iterator[dict[str, Any]]:
    """What stands on each line: `message`, `conversation`, `end_users`, `embeddings` and `windows`."""
    for line in _unpacked(packed):
        yield json.loads(line)


def _unpacked(packed: IO[bytes]) -> Iterator[bytes]:
    packed.seek(0)
    with gzip.open(packed) as file:
        yield from file


def _stated(path: str) -> Mapping[str, Any]:
    with _storage().open(manifest_path(path)) as file:
        stated = json.loads(file.read())
    if not isinstance(stated, dict):
        raise TypeError("the manifest is no JSON object")
    return stated


def _described(packed: IO[bytes], *, tenant: str, run: str) -> Manifest:
    """Read the whole file, line by line, and say what it holds."""
    packed.seek(0)
    sha256 = hashlib.file_digest(packed, "sha256").hexdigest()  # type: ignore[arg-type] # any binary file will do
    size = packed.tell()
    of_lines, times, models = hashlib.sha256(), [], set()
    for line in _unpacked(packed):
        of_lines.update(line)
        record = json.loads(line)
        times.append(record["message"]["created_at"])
        models |= {window["model"] for window in record["windows"]}
    return Manifest(
        format=FORMAT,
        tenant=tenant,
        run=run,
        messages=len(times),
        oldest=times[0],
        newest=times[-1],
        bytes=size,
        sha256=sha256,
        lines_sha256=of_lines.hexdigest(),
        models=sorted(models),
    )


def vector(text: str) -> Vectors:
    """Shape (dimensions,); `text` is base64 of float32 numbers, the most significant byte first."""
    return np.frombuffer(base64.b64decode(text), dtype=">f4").astype(np.float32)
