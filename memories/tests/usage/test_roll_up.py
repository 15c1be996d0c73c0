"""What was stored on a day is in its sums, once, whatever happens to it later."""

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from memories.models import DailyUsage, Message
from memories.models.usage import COUNTED, OF_ROLES
from memories.tests.factories import ConversationFactory, FactFactory, MessageFactory
from memories.usage import asked
from memories.usage.roll_up import MARGIN, roll_up
from tenants.ids import first_id, made_at, new_id
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def id_of(at):
    """As version 7 makes them."""
    return uuid.UUID(int=first_id(at).int | (0x7 << 76) | (0x2 << 62) | random.getrandbits(60))


def stored(tenant, at, **given):
    return MessageFactory.create(pk=id_of(at), conversation=ConversationFactory.create(tenant=tenant), **given)


def rolled_up(now=NOON):
    with plain_login():
        roll_up(now=now)


def sums(**filters):
    rows = DailyUsage.objects.filter(**filters)
    found = {name: sum(getattr(row, name) for row in rows) for name in COUNTED}
    return {"messages": sum(found[name] for name in OF_ROLES.values()), **found}


def days(tenant, column="messages"):
    """What was counted, by day of March."""
    rows = DailyUsage.objects.for_tenant(tenant).order_by("day")
    return {row.day.day: sums(pk=row.pk)[column] for row in rows if row.counted_to}


def test_an_id_is_made_where_its_time_says():
    before, one, after = datetime.now(UTC), new_id(), datetime.now(UTC) + timedelta(milliseconds=1)
    assert first_id(before) <= one < first_id(after)
    assert before - timedelta(milliseconds=1) < made_at(one) < after


def test_sums_equal_counted_rows(tenant):
    other, source = TenantFactory.create(), random.Random(7)
    for _ in range(60):
        at = NOON - timedelta(minutes=source.randrange(3, 5 * 24 * 60))
        stored(source.choice([tenant, other]), at, role=source.choice(["user", "assistant", "system", "tool"]))
    rolled_up()
    for row in DailyUsage.objects.all():
        mine = [one for one in Message.objects.for_tenant(row.tenant) if made_at(one.pk).date() == row.day]
        for role in ("user", "assistant", "system", "tool"):
            assert getattr(row, f"{role}_messages") == sum(one.role == role for one in mine)
        assert row.characters == sum(len(one.content) for one in mine)
    assert sum(sums().values()) == 120 + sum(len(one.content) for one in Message.objects.all())


def test_twice_is_once(tenant):
    stored(tenant, NOON - timedelta(hours=1))
    rolled_up()
    rolled_up()
    rolled_up(NOON + timedelta(minutes=5))
    assert days(tenant) == {10: 1}


def test_what_comes_between_is_added(tenant):
    stored(tenant, NOON - timedelta(hours=1))
    rolled_up()
    stored(tenant, NOON + timedelta(minutes=1))
    rolled_up(NOON + timedelta(hours=1))
    assert days(tenant) == {10: 2}


def test_what_was_stored_this_moment_waits_for_the_next_time(tenant):
    """Its transaction might not be committed, and would be passed by for good."""
    stored(tenant, NOON - MARGIN + timedelta(milliseconds=1))
    rolled_up()
    assert days(tenant) == {}
    rolled_up(NOON + timedelta(seconds=1))
    assert days(tenant) == {10: 1}


def test_a_worker_that_slept_for_days_catches_up(tenant):
    stored(tenant, NOON)
    rolled_up(NOON + timedelta(hours=1))
    for ahead in (2, 2, 6):
        stored(tenant, NOON + timedelta(days=ahead))
    rolled_up(NOON + timedelta(days=9))
    assert days(tenant) == {10: 1, 12: 2, 16: 1}


def test_sums_do_not_fall_when_messages_are_deleted(tenant):
    stored(tenant, NOON - timedelta(hours=1))
    rolled_up()
    Message.objects.all().delete()
    rolled_up(NOON + timedelta(hours=1))
    assert days(tenant) == {10: 1}


def test_a_day_begins_at_midnight_utc(tenant):
    midnight = datetime(2026, 3, 9, tzinfo=UTC)
    stored(tenant, midnight - timedelta(milliseconds=1))
    stored(tenant, midnight)
    rolled_up()
    assert days(tenant) == {8: 1, 9: 1}


def test_imported_history_counts_on_the_day_it_was_stored(tenant):
    stored(tenant, NOON - timedelta(hours=1), created_at=NOON - timedelta(days=400))
    rolled_up()
    assert days(tenant) == {10: 1}


def test_facts_are_counted(tenant):
    FactFactory.create(end_user__tenant=tenant, pk=id_of(NOON - timedelta(hours=2)))
    rolled_up()
    assert (days(tenant, "facts"), days(tenant)) == ({10: 1}, {10: 0})


def test_one_tenant_gone_does_not_count_the_others_again(tenant):
    last = TenantFactory.create()
    stored(tenant, NOON - timedelta(hours=2))
    rolled_up(NOON - timedelta(hours=1, minutes=30))
    stored(last, NOON - timedelta(hours=1))
    rolled_up()
    last.delete()
    rolled_up(NOON + timedelta(minutes=1))
    assert days(tenant) == {10: 1}


# --- What was asked ---------------------------------------------------------------------------------------------------


def searched(tenant, times, at=NOON, kind="search"):
    for _ in range(times):
        asked.note(tenant, kind, milliseconds=12.5, at=at)


def asked_on(tenant, day=10, column="searches"):
    return sums(tenant=tenant, day=f"2026-03-{day}")[column]


def test_searches_and_recalls_are_taken_over_by_tenant_and_day(tenant):
    other = TenantFactory.create()
    searched(tenant, 3)
    searched(tenant, 2, NOON - timedelta(days=1))
    searched(tenant, 1, kind="recall")
    searched(other, 4)
    rolled_up()
    rolled_up()
    assert (asked_on(tenant), asked_on(tenant, 9), asked_on(other)) == (3, 2, 4)
    assert asked_on(tenant, column="recalls") == 1


def test_what_redis_lost_stays_written_down(tenant):
    from django.core.cache import cache

    searched(tenant, 3)
    rolled_up()
    cache.clear()
    searched(tenant, 1)
    rolled_up()
    assert asked_on(tenant) == 3


def test_searches_of_a_tenant_that_is_gone_are_nobodys(tenant):
    searched(tenant, 1)
    tenant.delete()
    rolled_up()
    assert not DailyUsage.objects.exists()


def test_searches_and_messages_of_a_day_share_a_row(tenant):
    searched(tenant, 2)
    stored(tenant, NOON - timedelta(hours=1))
    rolled_up()
    searched(tenant, 1)
    rolled_up(NOON + timedelta(minutes=1))
    assert sums(tenant=tenant) | {"characters": 0} == {
        "messages": 1, "user_messages": 1, "assistant_messages": 0, "system_messages": 0, "tool_messages": 0,
        "characters": 0, "facts": 0, "searches": 3, "recalls": 0,
    }  # fmt: skip
