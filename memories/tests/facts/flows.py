"""What the tests of the fact engine's flows share: turns that are ingested, readers with a will of their own."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from memories.facts import rules, working
from memories.facts.reading import Read, Summary
from memories.facts.statements import Turn
from memories.ingest import NewMessage, ingest_turn
from memories.models import Fact, Job
from memories.providers.language_model import Usage
from memories.providers.mock import MockProvider
from tenants.models import EndUser

PROVIDER = MockProvider()
USAGE = Usage(calls=1, input_tokens=100, output_tokens=20, cost=None)


class WillfulReader:
    """The rules, which first hand the turns of each reading to `before`: that may look around, wait or raise."""

    name = "willful:1"

    def __init__(self, before: Callable[[Sequence[Turn]], object] = lambda turns: None) -> None:
        self.before = before
        self.seen: list[Sequence[Turn]] = []

    def read(self, turns: Sequence[Turn]) -> Read:
        self.seen.append(turns)
        self.before(turns)
        return Read(candidates=rules.extract(turns), usage=USAGE)

    def summarise(self, facts: Sequence[str]) -> Summary:
        self.before([])
        return Summary(summary=" ".join(facts), key_traits=list(facts[:2]), usage=USAGE)


def failing(error: Exception) -> WillfulReader:
    def fail(turns: Sequence[Turn]) -> None:
        raise error

    return WillfulReader(fail)


def ingest(user: EndUser, content: str, *, session: str = "s1", role: str = "user", at: datetime | None = None) -> Any:
    """What `ingest_turn` returns; here the job is never None."""
    turn = NewMessage(session, role, content, user_id=str(user.pk), created_at=at)
    return ingest_turn(user.tenant, turn)


def work_off_all(reader: Any = None, *, provider: Any = PROVIDER) -> None:
    """Do all jobs, whether they are due or not."""
    reader = reader or WillfulReader()
    while working.work_off(
        reader=reader, provider_for=lambda _: provider, only=list(Job.objects.values_list("pk", flat=True))
    ):
        pass


def current(user: EndUser) -> list[str]:
    return list(Fact.objects.about(user).current().order_by("said_at", "pk").values_list("content", flat=True))
