"""An operation for tests: it counts to what it was asked for, and leaves a conversation for each number."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from memories.jobs import working
from memories.jobs.steps import Operation, Step
from memories.jobs.working import TO_THE_END, Turn
from memories.models import Conversation, Job, JobKind
from memories.tests.factories import JobFactory
from tenants.isolation import tenant_scope
from tenants.models import Tenant
from tenants.tests.plain_login import plain_login

KIND = JobKind.REINDEX


def counting(before: Callable[[int], object] = lambda number: None, *, is_atomic: bool = True) -> Operation:
    """`before` may look around, wait or raise after a number is written, and before the step is over."""

    def step(job: Job) -> Step | None:
        number = job.position.get("after", 0) + 1
        if number > job.asked["numbers"]:
            return None
        with nullcontext() if is_atomic else tenant_scope(job.tenant):
            Conversation.objects.get_or_create(tenant=job.tenant, external_id=str(number))
        before(number)
        return Step({"after": number}, done=1, counts={"counted": 1})

    return Operation(step=step, measure=lambda job: int(job.asked["numbers"]), is_atomic=is_atomic)


def counting_job(tenant: Tenant, numbers: int = 3, **fields: Any) -> Job:
    return JobFactory.create(tenant=tenant, end_user=None, kind=KIND, asked={"numbers": numbers}, **fields)


def work_off(operation: Operation, *, turn: Turn = TO_THE_END, only: Any = None) -> bool:
    with plain_login():
        return working.work_off({KIND: operation}, turn=turn, only=only)


def counted() -> list[str]:
    return list(Conversation.objects.order_by("external_id").values_list("external_id", flat=True))
