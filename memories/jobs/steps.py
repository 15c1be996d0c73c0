"""Operations that go step by step: each says where the next goes on, so that whatever ends one, another worker goes on.

How far a job is stands on its row, written in the transaction of the step: a worker that is killed leaves either both
or nothing. A step that cannot be one transaction (it writes files, or asks a model) is repeated instead, and must bear
that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memories.jobs import claims
from memories.jobs.claims import Claimed
from memories.jobs.working import Turn
from memories.models import Job
from tenants.isolation import tenant_scope


@dataclass(frozen=True)
class Step:
    """What a step did: `done` of the job's total. `position` is where the next goes on, `counts` add to the result."""

    position: Mapping[str, Any]
    done: int
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """`step` does what comes after the job's `position` for what it was `asked`; None when nothing is left.

    It runs in the tenant's scope, in the transaction that saves its progress, unless `is_atomic` is off: then it enters
    scopes itself, and a worker that dies may have it repeated. `measure` says how much there is, in the tenant's scope;
    None where only the end will tell.
    """

    step: Callable[[Job], Step | None]
    measure: Callable[[Job], int | None] = lambda _: None
    is_atomic: bool = True

    def __call__(self, claimed: Claimed, turn: Turn) -> None:
        """Do steps until the end, a cancellation, or the end of the turn."""
        job = claimed.job
        if job.total is None:
            with tenant_scope(job.tenant):
                claims.measured(claimed, self.measure(job))
        while self._gets_on(claimed):
            turn.on_step(job)
            if job.is_cancelled:
                return
            if turn.is_over:
                claims.pause(claimed)
                return

    def _gets_on(self, claimed: Claimed) -> bool:
        """Do a step; False when there was none left, and the job is done."""
        if self.is_atomic:
            with tenant_scope(claimed.job.tenant):
                return _noted(claimed, self.step(claimed.job))
        step = self.step(claimed.job)
        with tenant_scope(claimed.job.tenant):
            return _noted(claimed, step)


def _noted(claimed: Claimed, step: Step | None) -> bool:
    before = claimed.job.result
    if step is None:
        claims.finish(claimed, before)
        return False
    result = before | {name: before.get(name, 0) + count for name, count in step.counts.items()}
    claims.advance(claimed, position=step.position, done=step.done, result=result)
    return True
