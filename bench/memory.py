"""What the API and the worker take in memory, and whether it grows: `python -m bench.memory [--minutes 30]`.

Idle first, then under load: clients that search and store, each time something else, from a second process. Memory is
PSS: what processes share is divided among them. The slope is fitted by least squares to what was measured after the
first sixth of the load, in which caches fill.
"""

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from bench import servers

MEGABYTE = 1_000_000
SLICE_SECONDS = 10.0
IDLE_SECONDS = 20.0
MESSAGES, SENTENCES = 5_000, 1_000


@dataclass(frozen=True)
class Part:
    """In MB; `slope`: of ten minutes."""

    name: str
    processes: int
    idle: float
    loaded: float
    most: float
    slope: float

    def __str__(self) -> str:
        held = f"idle {self.idle:7.1f}  under load {self.loaded:7.1f}  at most {self.most:7.1f} MB"
        return f"{self.name:8} {held}  {self.slope:+.2f} MB in 10 minutes ({self.processes} processes)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1, help="processes of the API")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with servers.folder(None) as place:
        run(options, place)


def run(options: argparse.Namespace, place: Path) -> None:
    from bench import data as making
    from bench import raw
    from bench.corpus import Corpus
    from bench.loading import Http, Loader
    from bench.progress import tell
    from bench.rows import Filler
    from memories.providers import embedding_provider
    from memory_layer import stack

    stack.prepare()
    filler = Filler(raw.connected(), Corpus.of(embedding_provider(), size=SENTENCES))
    data = making.made(filler, tenants=1, messages=MESSAGES)
    making.settle(filler.database)
    with servers.api(place, workers=options.workers) as api, servers.worker(place) as worker, Loader() as loader:
        load = Http("mixed", options.clients, loader, api.port, making.mixed(data))
        load.run(2.0)
        tell("warm; measuring at rest")
        time.sleep(IDLE_SECONDS)
        processes = {"API": api.process, "worker": worker}
        idle, samples, done, failed = measured(processes), [], 0, 0
        started = time.monotonic()
        while (minute := (time.monotonic() - started) / 60) < options.minutes:
            slice_ = load.run(SLICE_SECONDS)
            done, failed = done + slice_.items, failed + slice_.errors
            samples.append((minute, measured(processes)))
            if len(samples) % 6 == 1:
                held = ", ".join(f"{name} {megabytes:.1f} MB" for name, megabytes in samples[-1][1].items())
                tell(f"{held}; {done:,} requests, {failed} failed")
        counts = {name: len(family(process)) for name, process in processes.items()}
    found = {"requests": done, "failed": failed, "parts": list(parts(idle, samples, counts)), "samples": samples}
    report(options, found)


def measured(processes: "Mapping[str, subprocess.Popen[bytes]]") -> dict[str, float]:
    return {
        name: sum(one.memory_full_info().pss for one in family(process)) / MEGABYTE
        for name, process in processes.items()
    }


def family(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    first = psutil.Process(process.pid)
    return [first, *first.children(recursive=True)]


def parts(
    idle: Mapping[str, float], samples: Sequence[tuple[float, Mapping[str, float]]], counts: Mapping[str, int]
) -> Iterator[Part]:
    warm = samples[len(samples) // 6 :]
    for name in idle:
        held = [sample[name] for _, sample in warm]
        minutes = [minute for minute, _ in warm]
        slope = statistics.linear_regression(minutes, held).slope * 10 if len(held) > 1 else 0.0
        yield Part(name, counts[name], idle[name], statistics.median(held), max(held), slope)


def report(options: argparse.Namespace, found: dict[str, Any]) -> None:
    print(f"{found['requests']:,} requests in {options.minutes:g} minutes, {found['failed']} failed")
    for one in found["parts"]:
        print(one)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, default=asdict) + "\n")


if __name__ == "__main__":
    main()
