"""Cold files without what is erased: each that holds some of it is written anew, or goes when nothing is left in it.

A file is never changed in place: the new one lies beside the old one, which goes once the row names the new one. What
a killed erasure left lying is known by the row, and goes with the next one.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.storage import storages

from memories.models import Conversation
from retention import cold, cold_files
from retention.cold_files import SUFFIX, CorruptColdFile
from retention.erasure.subjects import Subject
from retention.models import ColdFile
from tenants.isolation import tenant_scope
from tenants.models import EndUser, Tenant

REVISION = re.compile(rf"(?:-r(\d+))?{re.escape(SUFFIX)}$")


@dataclass(frozen=True)
class InCold:
    """What of a subject lies in which registered files: the ids of its messages, and their texts."""

    subject: Subject
    files: list[ColdFile]
    ids: frozenset[UUID]
    texts: list[str]


def of(subject: Subject) -> InCold:
    """Raises CorruptColdFile: what cannot be read cannot be erased from. Of a tenant every file goes, unread or not."""
    files, ids, texts = [], set(), []
    for file in _files(subject.tenant):
        found = [record["message"] for record in _records(file, subject) if _is_of(record, subject)]
        ids |= {UUID(message["id"]) for message in found}
        texts += [message["content"] for message in found]
        if found or isinstance(subject.row, Tenant):
            files.append(file)
    return InCold(subject, files, frozenset(ids), texts)


def remove(named: InCold) -> None:
    """Take the subject's messages out of all files; sizes, sums and times of the files' rows follow."""
    subject = named.subject
    for file in _files(subject.tenant):
        _remove_predecessor(file)
    for file in named.files:
        if isinstance(subject.row, Tenant):
            cold_files.remove(file.path)  # its row goes with the tenant
        else:
            _write_anew(file, subject)
    cold.remove_abandoned(subject.tenant)
    if isinstance(subject.row, Tenant):
        _remove_folders(cold.folder_of(subject.tenant))


def left(subject: Subject) -> list[str]:
    """Paths of files that still hold something of the subject, those that no row names included."""
    paths = cold_files.paths_in(cold.folder_of(subject.tenant))
    return sorted(path for path in paths if isinstance(subject.row, Tenant) or _holds(path, subject))


def _files(tenant: Tenant) -> list[ColdFile]:
    with tenant_scope(tenant):
        return list(ColdFile.objects.filter(tenant=tenant).order_by("pk"))


def _records(file: ColdFile, subject: Subject) -> Iterator[dict[str, Any]]:
    if not file.messages:
        return  # emptied by an erasure that ended before the file was gone
    try:
        with cold_files.opened(
            file.path, tenant=subject.tenant.slug, run=str(file.run_id), sha256=file.sha256
        ) as packed:
            yield from cold_files.records(packed)
    except CorruptColdFile:
        if not isinstance(subject.row, Tenant):
            raise


def _is_of(record: dict[str, Any], subject: Subject) -> bool:
    message, conversation, pk = record["message"], record["conversation"], str(subject.row.pk)
    if isinstance(subject.row, EndUser):
        return pk in (message["end_user_id"], conversation["end_user_id"])
    return bool(pk == message["conversation_id" if isinstance(subject.row, Conversation) else "tenant_id"])


def _write_anew(file: ColdFile, subject: Subject) -> None:
    remaining = (record for record in _records(file, subject) if not _is_of(record, subject))
    path = _path(file.path, _revision(file.path) + 1)
    lines = (json.dumps(record, ensure_ascii=False) for record in remaining)
    manifest = cold_files.save(path, lines, tenant=subject.tenant.slug, run=str(file.run_id))
    stored = ColdFile.objects.filter(pk=file.pk)
    with tenant_scope(subject.tenant):
        if manifest is None:
            stored.update(messages=0)
        else:
            stored.update(
                path=path,
                sha256=manifest.sha256,
                bytes=manifest.bytes,
                messages=manifest.messages,
                oldest=manifest.oldest,
                newest=manifest.newest,
            )
    cold_files.remove(file.path)
    if manifest is None:
        with tenant_scope(subject.tenant):
            stored.delete()


def _remove_predecessor(file: ColdFile) -> None:
    if revision := _revision(file.path):
        cold_files.remove(_path(file.path, revision - 1))


def _revision(path: str) -> int:
    match = REVISION.search(path)
    return int(match[1] or 0) if match else 0


def _path(path: str, revision: int) -> str:
    return REVISION.sub(f"-r{revision}{SUFFIX}" if revision else SUFFIX, path)


def _remove_folders(folder: str) -> None:
    """Those in which nothing is left; storages without folders know none."""
    with suppress(OSError):
        for name in storages["cold"].listdir(folder)[0]:
            _remove_folders(f"{folder}/{name}")
        storages["cold"].delete(folder)


def _holds(path: str, subject: Subject) -> bool:
    """What cannot be read may hold anything."""
    try:
        with storages["cold"].open(path) as packed:
            return any(_is_of(record, subject) for record in cold_files.records(packed))
    except cold_files.UNREADABLE:
        return True
