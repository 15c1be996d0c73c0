"""Embedding: each backend by itself, and the whole pipeline from a queued row to a searchable one."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from bench import model, raw, servers
from bench.corpus import Corpus
from bench.figures import Figure, figure
from bench.loading import TURNS, Slice
from bench.rows import Database, Filler
from memories.tasks import wake_embedding_worker
from memory_layer import stack
from tenants.models import Tenant

BACKENDS = ("int8", "float32", "torch")
PATIENCE_SECONDS = 600.0
TEXTS = "SELECT content FROM memories_message WHERE tenant_id = %s ORDER BY id"
COMPLETED = """
SELECT extract(epoch FROM completed_at)::float8 AS at, count(*) FROM memories_messageembedding
WHERE tenant_id = %s AND status = 'completed' GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Alone:
    """What a model did by itself, in `name`'s words."""

    name: str
    batches: Sequence[Slice]
    queries: Sequence[Slice]


def measured(corpus: Corpus, place: Path, *, messages: int, seconds: float) -> Iterator[Figure]:
    """The backend in use before and after the pipeline, the others, and sentence-transformers as it comes."""
    database, tenant = raw.connected(), Tenant.objects.create(slug="bench-pipeline")
    Filler(database, corpus, seed=8).fill(tenant, messages, embedded=False)
    texts = [row[0] for row in database.execute(TEXTS, [tenant.pk])]
    before = alone(used(), texts, seconds=seconds)
    pipeline = _pipeline(database, tenant, place, messages)
    bare = _both(before, alone(used(), texts, seconds=seconds))
    others = [alone(one, texts, seconds=seconds) for one in _others()]
    library = others[-1] if others else None
    data = f"{messages:,} messages"
    for one in (bare, *others):
        than = (library.name, library.batches) if library and one is not library else None
        yield figure(f"{one.name}, batches", one.batches, data=data, clients=1, than=than)
        than = (library.name, library.queries) if library and one is not library else None
        yield figure(f"{one.name}, a query", one.queries, data=data, clients=1, than=than)
    yield figure("pipeline", pipeline, data=data, clients=1, than=(bare.name, bare.batches))
    if library:
        yield figure("pipeline", pipeline, data=data, clients=1, than=(library.name, library.batches))


def used() -> str:
    """The backend that the settings name."""
    name = settings.MEMORY_EMBEDDING_PROVIDER
    return str(settings.MEMORY_EMBEDDING_BACKEND if name == "sentence_transformer" else name)


def _others() -> list[str]:
    if used() not in BACKENDS:
        return []
    return [*(one for one in BACKENDS if one != used()), model.LIBRARY]


def alone(backend: str, texts: Sequence[str], *, seconds: float) -> Alone:
    command = [sys.executable, "-m", "bench.model", backend, "--seconds", str(seconds)]
    found = subprocess.run(
        command, input=json.dumps(texts), capture_output=True, text=True, env=stack.environment(), cwd=servers.ROOT
    )
    if found.returncode:
        raise SystemExit(f"{backend} failed:\n{found.stderr[-2000:]}")
    slices = {name: [Slice(**one) for one in each] for name, each in json.loads(found.stdout.splitlines()[-1]).items()}
    return Alone(f"bare {backend}" if backend != model.LIBRARY else backend, **slices)


def _both(before: Alone, after: Alone) -> Alone:
    """Every other slice of each: what the machine did meanwhile meets them as it met what ran in between."""
    return Alone(
        before.name,
        [pair[n % 2] for n, pair in enumerate(zip(before.batches, after.batches, strict=True))],
        [pair[n % 2] for n, pair in enumerate(zip(before.queries, after.queries, strict=True))],
    )


def _pipeline(database: Database, tenant: Tenant, place: Path, messages: int) -> list[Slice]:
    """One worker embeds all that is queued; read from the rows, from its first batch to its last."""
    database.execute("VACUUM ANALYZE memories_message, memories_messageembedding")
    with servers.worker(place):
        deadline, done = time.monotonic() + PATIENCE_SECONDS, 0
        while done < messages and time.monotonic() < deadline:
            wake_embedding_worker()
            time.sleep(0.5)
            done = sum(count for _, count in database.execute(COMPLETED, [tenant.pk]))
    return _as_slices(list(database.execute(COMPLETED, [tenant.pk])))


def _as_slices(batches: Sequence[Any]) -> list[Slice]:
    """TURNS stretches of the batches that were committed one after the other; the time before the first is unknown."""
    spans = [(end - begin, count) for (begin, _), (end, count) in itertools.pairwise(batches)]
    size = -(-len(spans) // TURNS)
    parts = [spans[start : start + size] for start in range(0, len(spans), size)]
    while len(parts) < TURNS and parts:
        parts.append(parts[-1])
    return [
        Slice(sum(took for took, _ in part), [1000 * took for took, _ in part], sum(count for _, count in part))
        for part in parts
    ]
