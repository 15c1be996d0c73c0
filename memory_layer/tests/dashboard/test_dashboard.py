"""The first page of the admin: what it says is what there is, to whom it may be said."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from memories.models import DailyUsage, TokenSpend
from memories.tests.factories import JobFactory, MessageFactory
from memories.tests.helpers import queue
from memories.usage import asked
from memory_layer.dashboard.moment import PULSE_TASK
from retention.models import Forecast, Run
from tenants.tests.admin_pages import page, queries, text
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import PlainBrowser

pytestmark = pytest.mark.django_db
HOME = reverse("admin:index")
NOW = timezone.now()
TODAY = NOW.astimezone(UTC).date()
QUERIES = 21  # five of which are those of the test's own login and transaction


def cards(browser):
    return {card.name: card for card in browser.get(HOME).context["cards"]}


def sign(browser, name):
    return next(one for one in browser.get(HOME).context["signs"] if one.name == name)


def browser_of(*codenames):
    user = User.objects.create_user("-".join(codenames) or "nobody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    browser = PlainBrowser()
    browser.force_login(user)
    return browser


def used(tenant, ago=0, **columns):
    DailyUsage.objects.create(tenant=tenant, day=TODAY - timedelta(days=ago), **columns)


@pytest.fixture
def stored(tenant):
    return MessageFactory.create(conversation__tenant=tenant)


# --- Signs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waits", "state", "word"),
    [(timedelta(seconds=5), "good", "up to date"), (timedelta(hours=1), "warning", "behind")],
)
def test_embedding_is_behind_when_texts_wait(browser, stored, waits, state, word):
    queue(stored, queued_at=timezone.now() - waits, due_at=timezone.now() - waits)
    found = sign(browser, "Embedding")
    assert (found.state, found.word) == (state, word)
    assert "1 waiting" in found.detail


def test_a_provider_that_fails_is_said_to_by_what_waits(browser, stored):
    queue(stored, due_at=timezone.now() + timedelta(minutes=5), error="The vendor is down.")
    found = sign(browser, "Provider")
    assert (found.state, found.word) == ("bad", "failing")
    assert found.detail.endswith("The vendor is down.")


@pytest.mark.parametrize(("took", "word"), [([20] * 99 + [9000], "quick"), ([20] * 90 + [9000] * 10, "slow")])
def test_search_is_slow_when_one_in_twenty_is(browser, tenant, took, word):
    for one in took:
        asked.note(tenant, "search", milliseconds=one, at=timezone.now())
    assert sign(browser, "Search").word == word


def test_a_failed_job_is_a_bad_sign_that_leads_to_it(browser, tenant):
    assert sign(browser, "Jobs").state == "good"
    failed = JobFactory.create(end_user__tenant=tenant, status="failed", error="No.")
    JobFactory.create(end_user__tenant=tenant)
    found = sign(browser, "Jobs")
    assert (found.state, found.detail) == ("bad", "1 failed")
    assert list(browser.get(found.url).context["cl"].result_list) == [failed]


def retention(last_run=None, *, enabled=True, status="completed", ago=timedelta()):
    PeriodicTask.objects.filter(task="retention.tasks.run_all").update(enabled=enabled, last_run_at=last_run)
    if status:
        run = Run.objects.create(tenant=TenantFactory.create(), dry_run=False, trigger="schedule", status=status)
        Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - ago)


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({}, "on time"),
        ({"ago": timedelta(days=3)}, "overdue"),
        ({"ago": timedelta(days=3), "last_run": NOW}, "on time"),
        ({"status": "failed"}, "failed"),
        ({"enabled": False}, "not scheduled"),
        ({"status": None}, "waiting"),
    ],
)
def test_retention_says_how_it_goes(browser, how, word):
    retention(**how)
    assert sign(browser, "Retention").word == word


@pytest.mark.parametrize(
    ("ago", "word"), [(timedelta(minutes=1), "running"), (timedelta(hours=1), "stopped"), (None, "not begun")]
)
def test_beat_is_heard_by_what_it_writes_down(browser, ago, word):
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    PeriodicTask.objects.create(name="pulse", task=PULSE_TASK, interval=every, last_run_at=ago and timezone.now() - ago)
    assert sign(browser, "Schedules").word == word


# --- Cards ------------------------------------------------------------------------------------------------------------


def test_messages_and_facts_of_all_tenants_are_drawn_by_day(browser, tenant):
    used(tenant, user_messages=3, facts=2)
    used(TenantFactory.create(), assistant_messages=1)
    used(tenant, ago=29, tool_messages=5)
    used(tenant, ago=30, user_messages=90)
    found = cards(browser)
    assert found["messages"].shown["sums"] == [("Today", "4"), ("Last 30 days", "9")]
    assert [row[1] for row in found["messages"].shown["drawn"].rows] == ["5", *["0"] * 28, "4"]
    assert found["facts"].shown["sums"][0] == ("Today", "2")


def test_spend_is_summed(browser, tenant):
    for ago, cost in ((0, "0.25"), (3, "1.50")):
        day = TODAY - timedelta(days=ago)
        TokenSpend.objects.create(
            tenant=tenant, day=day, model="m", input_tokens=90, output_tokens=10, cost=Decimal(cost)
        )
    assert cards(browser)["spend"].shown["sums"] == [("Today", "100"), ("Last 30 days", "200"), ("Cost", "$1.75")]


def test_searches_are_shared_out_by_how_long_they_took(browser, tenant):
    for took in (5, 15, 20, 9999):
        asked.note(tenant, "search", milliseconds=took, at=timezone.now())
    shown = cards(browser)["search"].shown
    assert [bar.said for bar in shown["bars"]] == ["1", "2", "0", "0", "0", "0", "0", "1"]
    assert shown["sums"][0] == ("Median", "15 ms")


def test_how_long_texts_waited_is_told(browser, stored):
    queue(stored, status="completed", queued_at=timezone.now() - timedelta(seconds=4), completed_at=timezone.now())
    assert cards(browser)["embedding"].shown["sums"][0] == ("Waited, half of them", "4.0 s")


def test_forecasts_of_all_tenants_are_summed(browser, tenant):
    for one, count in ((tenant, 3), (TenantFactory.create(), 4)):
        for days in (7, 30):
            Forecast.objects.create(tenant=one, days=days, action="archive", count=count * days, made_at=timezone.now())
    assert cards(browser)["forecast"].shown["table"]["rows"][0] == ["Archive", "49", "210"]


def test_the_latest_failures_lead_to_their_pages(browser, tenant):
    jobs = [JobFactory.create(end_user__tenant=tenant, status="failed", error=f"Error {n}.") for n in range(7)]
    shown = text(browser.get(HOME))
    assert page(jobs[-1]) in shown
    assert "Error 6." in shown
    assert "Error 1." not in shown


def test_who_stored_most_comes_first(browser, tenant):
    other = TenantFactory.create()
    used(tenant, user_messages=2)
    used(other, user_messages=9)
    assert [bar.said for bar in cards(browser)["tenants"].shown["bars"]] == ["9", "2"]
    assert page(other) in text(browser.get(HOME))


@pytest.mark.parametrize("card", ["messages", "tenants", "search", "embedding", "forecast", "jobs", "facts", "spend"])
def test_every_card_leads_to_a_page_that_opens(browser, stored, card):
    assert browser.get(cards(browser)[card].url).status_code == 200


def test_every_picture_is_told_in_words(browser, tenant):
    used(tenant, user_messages=3)
    shown = text(browser.get(HOME))
    labels = re.findall(r'<svg class="[^"]*"[^<>]* aria-label="([^"<>]+)"', shown)
    assert len(labels) == shown.count("<svg class=")
    assert "Messages by day, from" in " ".join(labels)
    assert f"{tenant}: 3" in labels
    assert f'<th scope="row">{TODAY}</th><td>3</td>' in shown


def test_nothing_is_styled_or_scripted_in_the_page(browser, tenant):
    used(tenant, user_messages=3)
    content = text(browser.get(HOME)).partition('<ul class="signs"')[2].rpartition("</section>")[0]
    assert content
    assert "style=" not in content
    assert "<script" not in content


# --- Who sees what, and at what cost ----------------------------------------------------------------------------------


def test_an_operator_sees_what_they_may_see(stored):
    browser = browser_of("view_job", "view_fact")
    response = browser.get(HOME)
    assert [card.name for card in response.context["cards"]] == ["jobs", "facts"]
    assert [one.name for one in response.context["signs"]] == ["Jobs"]


def test_who_may_see_nothing_is_told_so(db, stored):
    assert "ask for a group" in text(browser_of().get(HOME))


def test_a_viewer_may_see_it(viewer, stored):
    assert {card.name for card in viewer.get(HOME).context["cards"]} == {
        "tenants", "search", "embedding", "forecast", "jobs", "facts", "spend",
    }  # fmt: skip


def test_an_empty_installation_says_what_to_do_first(browser, db):
    shown = text(browser.get(HOME))
    assert "curl -s http://testserver/v1/messages" in shown
    assert browser.get(HOME).context["cards"] == []


def test_what_was_just_stored_ends_the_welcome(browser, stored):
    assert "curl" not in text(browser.get(HOME))


def test_without_redis_it_opens(browser, stored, settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    assert sign(browser, "Search").word == "not asked"


def test_more_rows_take_no_more_queries(browser, tenant):
    MessageFactory.create(conversation__tenant=tenant)
    for _ in range(12):
        other = TenantFactory.create()
        for ago in range(3):
            used(other, ago=ago, user_messages=1)
        queue(MessageFactory.create(conversation__tenant=other), due_at=datetime(2026, 1, 1, tzinfo=UTC))
        JobFactory.create(end_user__tenant=other, status="failed")
    assert queries(browser, HOME) <= QUERIES
