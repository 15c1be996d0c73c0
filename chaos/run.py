"""A part of a run: a service, a load on it, one fault after the other, calm, the verdict."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chaos import verdict
from chaos.disk import own_disk
from chaos.faults import DISK_FULL, FAULTS, LASTS_SECONDS, Fault
from chaos.ledger import Told
from chaos.load import PATIENCE_SECONDS
from chaos.service import Service
from chaos.vendor import DIMENSIONS, MOODS, Vendor, served, vector
from chaos.verdict import Promise

Say = Callable[[str], object]
CLIENTS = 8
FAULT_SECONDS = 8.0  # with what comes after it, on average
WRITES_A_REQUEST = 1.4
REST_SECONDS = (3.0, 8.0)
MORE_LOAD_SECONDS = 420.0


@dataclass(frozen=True)
class Plan:
    """`vendor`: texts are embedded by a vendor on loopback, whose faults are among `faults`."""

    name: str
    faults: Sequence[str]
    writes: int
    vendor: bool = False


@dataclass(frozen=True)
class Happened:
    """A fault: when (in seconds since 1970), how long it lasted, when the next one or the end came."""

    kind: str
    at: float
    seconds: float
    until: float = float("inf")


@dataclass(frozen=True)
class Outcome:
    plan: Plan
    happened: Sequence[Happened]
    told: Told
    promises: Sequence[Promise]
    calm_seconds: float
    complaints: Sequence[str]
    own_disk: bool

    @property
    def is_good(self) -> bool:
        is_whole = len(self.happened) == len(self.plan.faults) and self.told.accepted() >= self.plan.writes
        return is_whole and all(promise.is_kept for promise in self.promises)


def plans(*, writes: int, faults: int, seed: int, only: str | None = None) -> list[Plan]:
    """Two parts: with the bundled model, and with a vendor's. Every kind happens before one happens twice.

    `only` faults whose name has that text: in one part.
    """
    chance = random.Random(seed)
    if only:
        return [Plan("bundled model", _drawn([kind for kind in FAULTS if only in kind], faults, chance), writes)]
    of_vendor = max(1, round(faults / 4))
    share = round(writes * of_vendor / faults)
    moods = [f"the vendor {mood}" for mood in MOODS]
    return [
        Plan("bundled model", _drawn([*FAULTS], faults - of_vendor, chance), writes - share),
        Plan("vendor's model", _drawn(moods, of_vendor, chance), share, vendor=True),
    ]


def _drawn(kinds: Sequence[str], number: int, chance: random.Random) -> list[str]:
    drawn: list[str] = []
    while len(drawn) < number:
        drawn += chance.sample(kinds, min(len(kinds), number - len(drawn)))
    return drawn


def carry_out(plan: Plan, *, folder: Path, port: int, seed: int, say: Say) -> Outcome:
    say(f"{plan.name}: {len(plan.faults)} faults, {plan.writes} writes. Starting the service…")
    with served() as vendor, own_disk(folder / "data") as is_own, _service(plan, folder, port, vendor) as service:
        if not is_own and DISK_FULL in plan.faults:
            say("No disk of its own could be mounted (that takes root): the disk is not filled.")
            plan = replace(plan, faults=[kind for kind in plan.faults if kind != DISK_FULL])
        faults = FAULTS | {f"the vendor {mood}": _falls(vendor, mood) for mood in MOODS}
        with _load(plan, service, seed) as ledger:
            happened = _happen(plan, faults, service, ledger, chance=random.Random(seed), say=say)
        told = Told.by(ledger)
        say(f"Calm, {told.accepted()} writes accepted…")
        seconds = verdict.calm(service, on_wait=lambda left: say(f"{left} things wait"))
        say(f"Nothing waits after {seconds:.0f} s. Comparing…")
        kept = verdict.promises(service, told.expected(), vector=vector if plan.vendor else None)
        return Outcome(plan, happened, told, kept, seconds, _complaints(service), is_own)


@contextmanager
def _service(plan: Plan, folder: Path, port: int, vendor: Vendor) -> Iterator[Service]:
    of_vendor = {
        "MEMORY_EMBEDDING_PROVIDER": "openai",
        "MEMORY_EMBEDDING_MODEL_NAME": "chaos",
        "MEMORY_EMBEDDING_DIMENSIONS": str(DIMENSIONS),
        "MEMORY_OPENAI_BASE_URL": vendor.url,
    }
    service = Service(folder, port=port, **(of_vendor if plan.vendor else {}))
    try:
        service.wait_until_it_answers()
        yield service
    finally:
        service.stop()


@contextmanager
def _load(plan: Plan, service: Service, seed: int) -> Iterator[Path]:
    """The file of what its clients are told, as long as they are at work."""
    ledger = service.folder / "ledger.jsonl"
    pause = CLIENTS * WRITES_A_REQUEST * FAULT_SECONDS * len(plan.faults) / plan.writes
    options = {"--seed": seed, "--clients": CLIENTS, "--pause": pause}
    words = [str(word) for option in options.items() for word in option]
    process = subprocess.Popen([sys.executable, "-m", "chaos.load", service.url, str(ledger), *words])
    try:
        yield ledger
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS + 60)
    finally:
        process.kill()
        process.wait()


def _happen(
    plan: Plan, faults: Mapping[str, Fault], service: Service, ledger: Path, *, chance: random.Random, say: Say
) -> list[Happened]:
    """One after the other, each when the service is whole again; then load until there were writes enough."""
    happened: list[Happened] = []
    time.sleep(REST_SECONDS[0])
    for number, kind in enumerate(plan.faults, 1):
        began = time.time()
        faults[kind](service)
        lasted = time.time() - began
        service.wait_until_it_answers()  # or the run is over
        say(f"{number}/{len(plan.faults)} {kind}: whole after {time.time() - began:.1f} s")
        time.sleep(chance.uniform(*REST_SECONDS))
        happened = [*(replace(one, until=min(one.until, began)) for one in happened), Happened(kind, began, lasted)]
    end = time.monotonic() + MORE_LOAD_SECONDS
    while (accepted := Told.by(ledger).accepted()) < plan.writes and time.monotonic() < end:
        say(f"{accepted} of {plan.writes} writes accepted; loading on")
        time.sleep(10)
    return happened


def _falls(vendor: Vendor, mood: str) -> Fault:
    def fall(_: Service) -> None:
        vendor.fall(mood)
        try:
            time.sleep(LASTS_SECONDS * 2)
        finally:
            vendor.recover()

    return fall


def _complaints(service: Service) -> list[str]:
    """Lines of `up` that tell of what should not have happened."""
    lines = [*service.lines, *service.running.lines]
    return [line.strip() for line in lines if "did not stop" in line or "Traceback" in line]
