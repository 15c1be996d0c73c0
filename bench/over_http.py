"""Requests to the service, in turns with the reference points: a bare view, a bare create, the database alone."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import data as asking
from bench import raw, servers
from bench.corpus import Corpus
from bench.data import Data
from bench.figures import Figure, figure
from bench.loading import Http, Load, Loader, Slice, in_turns
from bench.rows import Database, clear_passing
from memories.tasks import wake_embedding_worker

READING, WRITING = ("search", "recall"), ("store", "batch", "ingest")
REFERENCE = {
    "search, cold": "raw vector query",
    "search, cached": "bare view",
    "recall": "bare view",
    "store": "bare create",
    "store while a worker embeds": "bare create",
    "ingest": "bare create",
    "batch store": "raw COPY",
    "bare create": "raw INSERT",
}
BATCH_ALONE, BATCH_TOGETHER = 1_000, 100
WORKER_SECONDS, WARM_UP_SECONDS = 60.0, 30.0


@dataclass(frozen=True)
class Setting:
    """What is measured, and for how long: `seconds` for each load, in turns."""

    place: Path
    database: Database
    corpus: Corpus
    loader: Loader
    api: int
    bare: int
    seconds: float


def measured(setting: Setting, data: Data, *, clients: int, only: Collection[str]) -> Iterator[Figure]:
    """One group after the other: reads in turns, then writes in turns, then stores beside a worker."""
    if reads := list(_reads(setting, data, clients, only)):
        yield from _figures(in_turns(reads, seconds=setting.seconds), reads, data)
    if writes := list(_writes(setting, data, clients, only)):
        slices = in_turns(writes, seconds=setting.seconds)
        yield from _figures(slices, writes, data)
        if "store" in only:
            yield _beside_a_worker(setting, data, clients, slices)
        clear_passing(setting.database)


def _reads(setting: Setting, data: Data, clients: int, only: Collection[str]) -> Iterator[Load]:
    if not set(READING) & set(only):
        return
    yield Http("bare view", clients, setting.loader, setting.bare, [("GET", "/view", "", "")])
    if "search" in only:
        cached = asking.cached_searches(data)
        Http("warming up", 4, setting.loader, setting.api, iter(cached)).run(WARM_UP_SECONDS)
        yield raw.vector_queries(data.tenants[0], setting.corpus)
        yield Http("search, cold", clients, setting.loader, setting.api, asking.searches(data))
        yield Http("search, cached", clients, setting.loader, setting.api, cached)
    if "recall" in only:
        yield Http("recall", clients, setting.loader, setting.api, asking.recalls(data))


def _writes(setting: Setting, data: Data, clients: int, only: Collection[str]) -> Iterator[Load]:
    tenant, size = data.tenants[0], BATCH_ALONE if clients == 1 else BATCH_TOGETHER
    if {"store", "ingest"} & set(only):
        yield raw.inserts(tenant, setting.corpus)
        yield Http("bare create", clients, setting.loader, setting.bare, asking.creates())
    if "store" in only:
        yield Http("store", clients, setting.loader, setting.api, asking.stores(data))
    if "ingest" in only:
        yield Http("ingest", clients, setting.loader, setting.api, asking.ingests(data))
    if "batch" in only:
        batches = asking.batches(data, size=size)
        yield raw.copies(tenant, setting.corpus)
        yield Http("batch store", clients, setting.loader, setting.api, batches, per_request=size, most=10_000 // size)


def _beside_a_worker(setting: Setting, data: Data, clients: int, slices: Mapping[str, Sequence[Slice]]) -> Figure:
    """Everything on this machine at once. What is compared with had the machine to itself."""
    store = Http("store while a worker embeds", clients, setting.loader, setting.api, asking.stores(data))
    with servers.worker(setting.place):
        _wait_for_a_vector(setting.database)
        found = in_turns([store], seconds=setting.seconds)
    return _figures({**slices, **found}, [store], data)[0]


def _wait_for_a_vector(database: Database) -> None:
    """Until the worker has loaded its model and is at work."""
    deadline = time.monotonic() + WORKER_SECONDS
    began = "SELECT 1 FROM memories_messageembedding WHERE completed_at > now() - interval '5 seconds' LIMIT 1"
    while not database.execute(began).fetchone() and time.monotonic() < deadline:
        wake_embedding_worker()
        time.sleep(0.2)


def _figures(slices: Mapping[str, Sequence[Slice]], loads: Sequence[Load], data: Data) -> list[Figure]:
    return [
        figure(load.name, slices[load.name], data=data.name, clients=load.clients, than=_than(load.name, slices))
        for load in loads
    ]


def _than(name: str, slices: Mapping[str, Sequence[Slice]]) -> tuple[str, Sequence[Slice]] | None:
    other = REFERENCE.get(name)
    return (other, slices[other]) if other in slices and other else None
