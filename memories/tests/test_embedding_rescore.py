"""The stored importance: refreshed where it has drifted, and always in the end."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from memories import embedding
from memories.importance import Formula, importance
from memories.models import Message
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import at_once


def stored() -> list[float | None]:
    return list(Message.objects.order_by("pk").values_list("stored_importance", flat=True))


@pytest.mark.django_db
def test_rescoring_writes_the_scores_of_the_moment() -> None:
    now = timezone.now()
    messages = [MessageFactory.create(role=role, created_at=now - timedelta(days=9)) for role in ("user", "tool")]
    assert embedding.rescore(now=now) == 2
    formula = Formula.from_settings()
    expected = [importance(one.role, None, one.created_at, now=now, formula=formula) for one in messages]
    assert stored() == pytest.approx(expected, abs=1e-9)


@pytest.mark.django_db
def test_rescoring_touches_only_what_has_drifted() -> None:
    now = timezone.now()
    MessageFactory.create(stored_importance=0.9 - embedding.DRIFT / 2, created_at=now)
    MessageFactory.create(stored_importance=0.5, created_at=now)
    MessageFactory.create(stored_importance=None, created_at=now)
    assert embedding.rescore(now=now) == 2
    assert stored() == pytest.approx([0.9 - embedding.DRIFT / 2, 0.9, 0.9])


@pytest.mark.django_db
@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_rescoring_in_steps_misses_none(step: int) -> None:
    conversation = ConversationFactory.create()
    for _ in range(5):
        MessageFactory.create(conversation=conversation)
    assert embedding.rescore(now=timezone.now(), step=step) == 5
    assert None not in stored()
    assert embedding.rescore(now=timezone.now(), step=step) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("weighty", ["recency", "role", "explicit"])
def test_rescoring_ends_whatever_the_weights(settings, weighty: str) -> None:
    settings.MEMORY_IMPORTANCE_WEIGHTS = {"recency": 0.0, "role": 0.0, "explicit": 0.0, weighty: 1.0}
    conversation = ConversationFactory.create()
    for override in (None, 0.0, 1.0):
        for age in (timedelta(), timedelta(days=50 * 365), timedelta(days=-1)):
            created_at = timezone.now() - age
            MessageFactory.create(conversation=conversation, importance_override=override, created_at=created_at)
    embedding.rescore(now=timezone.now(), step=2)
    assert embedding.rescore(now=timezone.now()) == 0


@pytest.mark.django_db(transaction=True)
def test_rescoring_ends_although_others_keep_writing() -> None:
    """A trigger stands for writers that undo every score at once."""
    MessageFactory.create()
    with connection.cursor() as cursor:
        cursor.execute(
            "create function undo() returns trigger language plpgsql as "
            "$$ begin new.stored_importance = null; return new; end $$"
        )
        cursor.execute("create trigger undo before update on memories_message for each row execute function undo()")
    try:
        assert embedding.rescore(now=timezone.now()) == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("drop function undo cascade")


@pytest.mark.django_db(transaction=True)
def test_rescoring_waits_for_nobody() -> None:
    held, free = MessageFactory.create(), MessageFactory.create()
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=held.pk)
        assert at_once(lambda: embedding.rescore(now=timezone.now())) == [1]
    free.refresh_from_db()
    assert free.stored_importance is not None
