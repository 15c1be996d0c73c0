"""What a run showed, as tables and as JSON."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.ledger import WRITES, Answer
from chaos.run import Happened, Outcome

SEARCHES = ("search",)


@dataclass(frozen=True)
class Felt:
    """What clients felt of one fault: errors by outcome, seconds until the last of them, 0 without any."""

    kind: str
    lasted: float
    write_errors: Counter[str]
    search_errors: Counter[str]
    writes_after: float
    searches_after: float


def felt(outcome: Outcome) -> list[Felt]:
    return [_felt(one, outcome.told.answers) for one in outcome.happened]


def _felt(fault: Happened, answers: Iterable[Answer]) -> Felt:
    within = [one for one in answers if fault.at <= one.at < fault.until and one.is_worth_a_repeat]
    writes = [one for one in within if one.operation in WRITES]
    searches = [one for one in within if one.operation in SEARCHES]
    return Felt(
        fault.kind,
        fault.seconds,
        _outcomes(writes),
        _outcomes(searches),
        _after(fault, writes),
        _after(fault, searches),
    )


def _outcomes(answers: Iterable[Answer]) -> Counter[str]:
    return Counter(one.outcome for one in answers)


def _after(fault: Happened, failed: Sequence[Answer]) -> float:
    return max((one.at - fault.at for one in failed), default=0.0)


def summary(outcomes: Sequence[Outcome], *, seed: int, seconds: float) -> dict[str, Any]:
    """All figures, as JSON can hold them."""
    by_kind: dict[str, list[Felt]] = {}
    for one in (each for outcome in outcomes for each in felt(outcome)):
        by_kind.setdefault(one.kind, []).append(one)
    return {
        "seed": seed,
        "seconds": round(seconds),
        "kept": all(outcome.is_good for outcome in outcomes),
        "accepted_writes": sum(outcome.told.accepted() for outcome in outcomes),
        "faults": sum(len(outcome.happened) for outcome in outcomes),
        "parts": [_part(outcome) for outcome in outcomes],
        "kinds": {kind: _kind(of_kind) for kind, of_kind in sorted(by_kind.items())},
    }


def _part(outcome: Outcome) -> dict[str, Any]:
    answers = Counter(f"{one.operation} {one.outcome}" for one in outcome.told.answers)
    return {
        "name": outcome.plan.name,
        "own_disk": outcome.own_disk,
        "calm_seconds": round(outcome.calm_seconds, 1),
        "answers": dict(sorted(answers.items())),
        "promises": [{**vars(promise), "broken": list(promise.broken)} for promise in outcome.promises],
        "complaints": list(outcome.complaints),
    }


def _kind(of_kind: Sequence[Felt]) -> dict[str, Any]:
    return {
        "times": len(of_kind),
        "lasted": round(median(one.lasted for one in of_kind), 1),
        "write_errors": dict(sum((one.write_errors for one in of_kind), Counter())),
        "search_errors": dict(sum((one.search_errors for one in of_kind), Counter())),
        "writes_after": [round(one.writes_after, 1) for one in of_kind],
        "searches_after": [round(one.searches_after, 1) for one in of_kind],
    }


def show(told: dict[str, Any], console: Console) -> None:
    table = Table("fault", "times", "lasted", "errors of writes", "errors of searches", "writes well after", "searches")
    for kind, one in told["kinds"].items():
        after = [f"{max(one[name]):.1f} s" for name in ("writes_after", "searches_after")]
        errors = [_told(one[name]) for name in ("write_errors", "search_errors")]
        table.add_row(kind, str(one["times"]), f"{one['lasted']:.1f} s", *errors, *after)
    console.print(table)
    for part in told["parts"]:
        promises = Table("promise", "of", "broken", title=f"{part['name']}: calm after {part['calm_seconds']} s")
        for one in part["promises"]:
            promises.add_row(one["name"], str(one["checked"]), _told_broken(one["broken"]))
        console.print(promises)
    verdict = "Every promise was kept" if told["kept"] else "NOT every promise was kept"
    numbers = f"{told['accepted_writes']} accepted writes, {told['faults']} faults, {told['seconds']} s"
    console.print(f"{verdict}: {numbers}, seed {told['seed']}.")


def _told(errors: dict[str, int]) -> str:
    return ", ".join(f"{outcome}: {number}" for outcome, number in sorted(errors.items())) or "-"


def _told_broken(broken: Sequence[str]) -> str:
    return "-" if not broken else "\n".join([f"{len(broken)}:", *broken[:10]])
