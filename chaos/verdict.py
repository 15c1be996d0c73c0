"""Were the promises kept? What the clients were told, compared with what the database holds and what searches find."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import requests

from chaos.ledger import Expected, Presence
from chaos.load import KEY
from chaos.service import Service

CALM_SECONDS = 120.0
TOGETHER, CLIENTS = 16, 8
ALIKE = 0.999

UNFINISHED = """
    SELECT 'embedding of ' || message_id || ' is ' || status FROM memories_messageembedding WHERE status <> 'completed'
    UNION ALL SELECT 'job ' || id || ' (' || kind || ') is ' || status || ': ' || error FROM memories_job
        WHERE status <> 'succeeded'
    UNION ALL SELECT 'turn ' || message_id || ' has no job' FROM memories_reading WHERE job_id IS NULL
"""
MESSAGES = """
    SELECT message.id::text, tenant.slug, message.content FROM memories_message message
    JOIN tenants_tenant tenant ON tenant.id = message.tenant_id WHERE tenant.slug <> 'probe'
"""
EMBEDDED = """
    SELECT message.id::text,
        (SELECT count(*) FROM memories_messageembedding state
            WHERE state.message_id = message.id AND state.status = 'completed' AND state.claim IS NULL),
        (SELECT count(*) FROM memories_embeddingwindow part WHERE part.message_id = message.id),
        (SELECT count(DISTINCT (model, position)) FROM memories_embeddingwindow part WHERE part.message_id = message.id)
    FROM memories_message message
"""
LEFT_BEHIND = " UNION ALL ".join(
    f"SELECT '{table} of ' || message_id FROM {table} part "  # noqa: S608 - tables of ours
    "WHERE NOT EXISTS (SELECT 1 FROM memories_message WHERE id = part.message_id)"
    for table in ("memories_messageembedding", "memories_embeddingwindow", "memories_posting", "memories_reading")
)
READ = """
    SELECT reading.message_id::text FROM memories_reading reading
    JOIN memories_job job ON job.id = reading.job_id WHERE job.status = 'succeeded'
"""
VECTORS = """
    SELECT message.content, part.vector::text FROM memories_message message
    JOIN memories_embeddingwindow part ON part.message_id = message.id
"""


@dataclass(frozen=True)
class Promise:
    """`broken` says of what it was not kept; empty if it was."""

    name: str
    checked: int
    broken: Sequence[str]

    @property
    def is_kept(self) -> bool:
        return not self.broken


@dataclass(frozen=True)
class Row:
    id: str
    tenant: str
    content: str


def calm(service: Service, *, on_wait: Callable[[int], object]) -> float:
    """Wait until nothing is left to do, CALM_SECONDS at most; return how long it took."""
    started = time.monotonic()
    while time.monotonic() - started < CALM_SECONDS and (left := len(service.rows(UNFINISHED))):
        on_wait(left)
        time.sleep(5)
    return time.monotonic() - started


def promises(
    service: Service, expected: Mapping[str, Expected], *, vector: Callable[[str], Sequence[float]] | None = None
) -> list[Promise]:
    """Every promise; `vector` tells what the vector of a text must be, where that is known."""
    rows = [Row(*row) for row in service.rows(MESSAGES)]
    found = {(row.tenant, row.content): row for row in rows}
    told = list(expected.values())
    there = [one for one in told if one.presence is Presence.THERE]
    checks = [
        Promise("accepted: there, as it was last told", len(there), [*_missing(there, found)]),
        Promise("stored once, however often it was sent", len(told), [*_doubled(told, rows)]),
        Promise("refused or deleted: not there", _count(told, Presence.GONE), [*_still_there(told, found)]),
        Promise("nothing there that nobody sent", len(rows), [*_unknown(told, rows)]),
        Promise("embedded, once", len(rows), [*_not_embedded(service)]),
        Promise("ingested: read for facts", sum(one.is_turn for one in there), [*_unread(service, there)]),
        Promise("nothing stuck, nothing failed", len(rows), [row[0] for row in service.rows(UNFINISHED)]),
        Promise("nothing left behind by what is gone", len(rows), [row[0] for row in service.rows(LEFT_BEHIND)]),
        Promise("found by its own words", len(there), [*_not_found(service.url, there)]),
        Promise("deleted: not found", _count(told, Presence.GONE), [*_still_found(service.url, told)]),
    ]
    return checks + (
        [Promise("the vector is that of its text", len(rows), [*_astray(service, vector)])] if vector else []
    )


def _count(told: Iterable[Expected], presence: Presence) -> int:
    return sum(one.presence is presence for one in told)


# --- In the database --------------------------------------------------------------------------------------------------


def _missing(there: Iterable[Expected], found: Mapping[tuple[str, str], Row]) -> Iterator[str]:
    for one in there:
        rows = [found[one.tenant, item.content] for item in one.contents if (one.tenant, item.content) in found]
        if not rows:
            yield f"{one.contents[0].mark} is not there"
        elif one.id not in (None, rows[-1].id):
            yield f"{one.contents[0].mark} has another id than its client was told"


def _doubled(told: Iterable[Expected], rows: Iterable[Row]) -> Iterator[str]:
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        counts[row.tenant, row.content] = counts.get((row.tenant, row.content), 0) + 1
    for one in told:
        number = sum(counts.get((one.tenant, item.content), 0) for item in one.contents)
        if number > 1:
            yield f"{one.mark} is there {number} times"


def _still_there(told: Iterable[Expected], found: Mapping[tuple[str, str], Row]) -> Iterator[str]:
    for one in told:
        if one.presence is Presence.GONE and any((one.tenant, item.content) in found for item in one.contents):
            yield f"{one.mark} is there"


def _unknown(told: Iterable[Expected], rows: Iterable[Row]) -> Iterator[str]:
    known = {(one.tenant, item.content) for one in told for item in one.contents}
    return (f"{row.id} was sent by nobody" for row in rows if (row.tenant, row.content) not in known)


def _not_embedded(service: Service) -> Iterator[str]:
    for pk, states, windows, different in service.rows(EMBEDDED):
        if states != 1 or not windows or windows != different:
            yield f"{pk}: {states} times completed, {windows} windows"


def _unread(service: Service, there: Iterable[Expected]) -> Iterator[str]:
    read = {row[0] for row in service.rows(READ)}
    return (f"{one.mark} was not read" for one in there if one.is_turn and one.id not in read)


def _astray(service: Service, vector: Callable[[str], Sequence[float]]) -> Iterator[str]:
    for content, told in service.rows(VECTORS):
        stored, wanted = np.fromstring(told.strip("[]"), sep=","), np.array(vector(content))
        if stored @ wanted / (np.linalg.norm(stored) * np.linalg.norm(wanted)) < ALIKE:
            yield f"{content!r} has the vector of another text"


# --- By searching -----------------------------------------------------------------------------------------------------


def _not_found(url: str, there: Iterable[Expected]) -> Iterator[str]:
    groups = _together(there)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for missing in pool.map(lambda group: _missed(url, group), groups):
            yield from (f"{one.mark} is not found" for one in missing)


def _together(told: Iterable[Expected]) -> list[list[Expected]]:
    """Groups that one search can ask for."""
    groups = []
    for _, of_tenant in groupby(sorted(told, key=lambda one: one.tenant), key=lambda one: one.tenant):
        listed = list(of_tenant)
        groups += [listed[start : start + TOGETHER] for start in range(0, len(listed), TOGETHER)]
    return groups


def _missed(url: str, group: Sequence[Expected]) -> list[Expected]:
    """Those of a group that a search for the marks of all does not find, nor one for each of its own words."""
    contents = _found(url, group[0].tenant, " ".join(one.mark for one in group), top_k=100)
    doubtful = [one for one in group if not contents & {item.content for item in one.contents}]
    return [
        one
        for one in doubtful
        if not _found(url, one.tenant, one.contents[-1].content, top_k=20) & {item.content for item in one.contents}
    ]


def _still_found(url: str, told: Iterable[Expected]) -> Iterator[str]:
    gone = [one for one in told if one.presence is Presence.GONE]
    with ThreadPoolExecutor(CLIENTS) as pool:
        for group, contents in pool.map(lambda group: (group, _all_found(url, group)), _together(gone)):
            yield from (f"{one.mark} is found" for one in group if contents & {item.content for item in one.contents})


def _all_found(url: str, group: Sequence[Expected]) -> set[str]:
    return _found(url, group[0].tenant, " ".join(one.mark for one in group), top_k=100)


def _found(url: str, tenant: str, query: str, *, top_k: int) -> set[str]:
    asked = {"tenant_id": tenant, "query": query, "top_k": top_k}
    answer = requests.post(f"{url}/v1/memory/search", json=asked, headers={"X-API-Key": KEY}, timeout=60)
    answer.raise_for_status()
    return {item["content"] for item in answer.json()["items"]}
