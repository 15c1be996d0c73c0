"""The whole of a run: fill, measure, print as it goes, write what was found."""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.utils import timezone

from bench import data as making
from bench import embedding, over_http, picture, raw, report, servers
from bench.corpus import Corpus
from bench.data import Data
from bench.figures import Figure
from bench.loading import Loader
from bench.over_http import READING, WRITING, Setting
from bench.progress import tell
from bench.rows import Filler
from memories.providers import embedding_provider
from memory_layer import stack

PIPELINE_A_SECOND = 500  # messages queued for each second that other loads are given


def run(options: argparse.Namespace, place: Path) -> None:
    stack.prepare()
    tell(f"embedding {options.sentences:,} sentences…")
    corpus = Corpus.of(embedding_provider(), size=options.sentences)
    figures = []
    for one in measured(options, corpus, place):
        print(report.line(one), flush=True)
        figures.append(one)
    write(options, figures)
    tell("done")


def measured(options: argparse.Namespace, corpus: Corpus, place: Path) -> Iterator[Figure]:
    if {*READING, *WRITING} & set(options.only):
        yield from requests(options, corpus, place)
    if "embedding" in options.only:
        tell("embedding: the pipeline, and each backend by itself")
        messages = max(500, int(PIPELINE_A_SECOND * options.seconds))
        yield from embedding.measured(corpus, place, messages=messages, seconds=options.seconds)


def requests(options: argparse.Namespace, corpus: Corpus, place: Path) -> Iterator[Figure]:
    with (
        raw.connected() as database,
        Loader() as loader,
        servers.bare(place, workers=options.workers, threads=options.threads) as bare,
        servers.api(place, workers=options.workers, threads=options.threads) as api,
    ):
        setting = Setting(place, database, corpus, loader, api.port, bare.port, options.seconds)
        for data in filled(options, Filler(database, corpus)):
            for clients in options.clients:
                tell(f"{data.name}, {clients} at once")
                yield from over_http.measured(setting, data, clients=clients, only=options.only)


def filled(options: argparse.Namespace, filler: Filler) -> Iterator[Data]:
    """Small ones first: what is told early is told of a database as small as it says."""
    sizes = [(1, count) for count in options.messages if 1 in options.tenants]
    sizes += [(count, making.MESSAGES_OF_MANY) for count in options.tenants if count > 1]
    for tenants, messages in sizes:
        started = time.perf_counter()
        data = making.made(filler, tenants=tenants, messages=messages)
        making.settle(filler.database)
        tell(f"{data.name} filled in {time.perf_counter() - started:.0f} s")
        yield data


def write(options: argparse.Namespace, figures: Sequence[Figure]) -> None:
    if options.json:
        options.json.write_text(report.as_json(figures, now=timezone.now(), options=vars(options)))
    if options.picture:
        options.picture.write_text(picture.drawn(figures))
    if options.markdown:
        options.markdown.write_text(report.as_markdown(figures))
