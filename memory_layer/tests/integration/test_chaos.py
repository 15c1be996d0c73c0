"""The short form of `make chaos`: a few faults during load, and every promise is kept."""

from pathlib import Path

from chaos import run
from chaos.faults import DISK_FULL
from chaos.run import Plan
from memory_layer.running import free_port

FAULTS = (
    "kill -9 in the middle of a batch",
    "kill -9 of PostgreSQL",
    "kill -9 of Redis, files removed",
    DISK_FULL,
    "SIGTERM of all",
)


def test_nothing_accepted_is_lost_whatever_happens(tmp_path: Path) -> None:
    outcome = run.carry_out(Plan("short", FAULTS, writes=100), folder=tmp_path, port=free_port(), seed=1, say=print)
    assert {promise.name: list(promise.broken) for promise in outcome.promises if not promise.is_kept} == {}
    # Without root there is no disk to fill: that fault is left out then, and said to be.
    assert [one.kind for one in outcome.happened] == [one for one in FAULTS if outcome.own_disk or one != DISK_FULL]
    assert outcome.told.accepted() >= 100
