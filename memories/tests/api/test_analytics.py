"""`/v1/analytics`: figures of a tenant, and of all to whom all are open."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from memories.models import DailyUsage, TokenSpend
from memories.tests.api.calls import complaint
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import queue
from memories.usage import asked, figures, roll_up, sizes
from tenants import keys
from tenants.tests.admin_pages import queries
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import PlainClient

pytestmark = pytest.mark.django_db
NAMES = ("usage", "trends", "top-conversations", "embeddings")
EVERY = [f"/v1/analytics/{name}" for name in NAMES]
TENANTS = "/v1/analytics/tenants"
TODAY = timezone.now().astimezone(UTC).date()


def get(client, name, **query):
    response = client.get(f"/v1/analytics/{name}", query)
    assert response.status_code == 200, response.content
    return response.json()


def used(tenant, ago=0, **columns):
    return DailyUsage.objects.create(tenant=tenant, day=TODAY - timedelta(days=ago), **columns)


def spent(tenant, ago=0, **columns):
    given = {"calls": 1, "input_tokens": 100, "output_tokens": 10} | columns
    return TokenSpend.objects.create(tenant=tenant, day=TODAY - timedelta(days=ago), model="m", **given)


# --- Usage ------------------------------------------------------------------------------------------------------------


def test_usage_is_of_all_days_and_of_today(api, tenant):
    used(tenant, user_messages=2, assistant_messages=1, characters=30, searches=4)
    used(tenant, ago=40, user_messages=5, facts=3, recalls=1)
    spent(tenant, cost=Decimal("0.25"))
    spent(tenant, ago=1)
    answer = get(api, "usage")
    total, today = answer["total"], answer["today"]
    assert (total["messages"], today["messages"]) == (8, 3)
    assert total["messages_by_role"] == {"user": 7, "assistant": 1, "system": 0, "tool": 0}
    assert (total["facts"], today["facts"], total["searches"], total["recalls"]) == (3, 0, 4, 1)
    assert (total["input_tokens"], today["input_tokens"], total["cost"], today["cost"]) == (200, 100, 0.25, 0.25)


def test_usage_of_nothing_is_zeros(api, tenant):
    answer = get(api, "usage")
    assert (answer["tenant_id"], answer["size"], answer["counted_to"]) == (tenant.slug, None, None)
    assert answer["total"] == answer["today"]
    assert (answer["total"]["messages"], answer["total"]["cost"]) == (0, None)


def test_usage_tells_the_size_and_when_it_was_measured(api, tenant):
    MessageFactory.create(conversation__tenant=tenant, content="12345")
    sizes.measure(now=timezone.now())
    size = get(api, "usage")["size"]
    assert (size["messages"], size["conversations"], size["bytes"]) == (1, 1, 5)
    assert size["measured_at"].endswith("Z")


@pytest.mark.parametrize("call", ["/v1/memory/search?query=x", "/v1/memory/context?query=x"])
def test_a_search_is_counted_and_so_is_a_context(api, call):
    assert api.get(call).status_code == 200
    roll_up.roll_up(now=timezone.now())
    assert get(api, "usage")["today"]["searches"] == 1
    assert len(asked.latest("search")) == 1


def test_a_recall_is_counted(api, maya):
    assert api.post("/v1/recall", {"user_id": "maya", "query": "where?"}).status_code == 200
    roll_up.roll_up(now=timezone.now())
    today = get(api, "usage")["today"]
    assert (today["recalls"], today["searches"]) == (1, 0)


def test_a_search_that_is_refused_is_not_counted(api):
    assert api.get("/v1/memory/search").status_code == 400
    roll_up.roll_up(now=timezone.now())
    assert get(api, "usage")["today"]["searches"] == 0


# --- Trends -----------------------------------------------------------------------------------------------------------


def test_gaps_are_zeros(api, tenant):
    used(tenant, ago=3, user_messages=2)
    spent(tenant, ago=1, cost=Decimal("0.5"))
    days = get(api, "trends", days=4)["days"]
    assert [day["day"] for day in days] == [(TODAY - timedelta(days=ago)).isoformat() for ago in (3, 2, 1, 0)]
    assert [day["messages"] for day in days] == [2, 0, 0, 0]
    assert [(day["input_tokens"], day["cost"]) for day in days] == [(0, None), (0, None), (100, 0.5), (0, None)]


def test_a_range_has_both_its_ends(api, tenant):
    for ago in (2, 3, 4, 5):
        used(tenant, ago=ago, user_messages=ago)
    since, until = TODAY - timedelta(days=4), TODAY - timedelta(days=3)
    answer = get(api, "trends", since=since.isoformat(), until=until.isoformat())
    assert [day["messages"] for day in answer["days"]] == [4, 3]


def test_without_a_range_there_are_thirty_days(api):
    answer = get(api, "trends")
    assert (len(answer["days"]), answer["until"]) == (30, TODAY.isoformat())


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2026-05-02&until=2026-05-01", "since"),
        ("since=2024-01-01&until=2026-05-01", "since"),
        ("since=2026-05-01&days=3", "days"),
        ("days=0", "days"),
        ("days=367", "days"),
        ("since=20260501", "since"),
        ("until=0001-01-01", "until"),
        ("until=2026-02-30", "until"),
    ],
)
def test_a_bad_range_is_refused(api, query, field):
    assert complaint(api.get(f"/v1/analytics/trends?{query}"))[::2] == (400, field)


# --- The busiest conversations ----------------------------------------------------------------------------------------


def talk(tenant, messages, *, ago=0, **given):
    conversation = ConversationFactory.create(tenant=tenant, **given)
    at = timezone.now() - timedelta(days=ago)
    MessageFactory.create_batch(messages, conversation=conversation, created_at=at)
    return conversation.external_id


def test_the_busiest_come_first(api, tenant):
    little, much, old = talk(tenant, 1), talk(tenant, 3, title="Much"), talk(tenant, 9, ago=40)
    answer = get(api, "top-conversations")
    assert [(one["conversation_id"], one["messages"]) for one in answer["items"]] == [(much, 3), (little, 1)]
    assert (answer["items"][0]["title"], answer["counted"], answer["is_complete"]) == ("Much", 4, True)
    since = (timezone.now() - timedelta(days=50)).isoformat()
    assert get(api, "top-conversations", since=since, limit=1)["items"][0]["conversation_id"] == old


def test_only_the_newest_of_very_many_are_counted(api, tenant, monkeypatch):
    monkeypatch.setattr(figures, "COUNTED_AT_MOST", 2)
    talk(tenant, 9, ago=1)
    new = talk(tenant, 2)
    answer = get(api, "top-conversations")
    assert [one["conversation_id"] for one in answer["items"]] == [new]
    assert (answer["counted"], answer["is_complete"]) == (2, False)


def test_a_window_before_all_times_is_empty(api):
    assert get(api, "top-conversations", until="0001-01-01T00:00:00Z")["items"] == []


@pytest.mark.parametrize("limit", [0, 101, "x"])
def test_a_bad_limit_is_refused(api, limit):
    assert complaint(api.get("/v1/analytics/top-conversations", {"limit": limit}))[::2] == (400, "limit")


# --- Embeddings -------------------------------------------------------------------------------------------------------


def test_embeddings_are_counted_by_model_and_status(api, tenant):
    now = timezone.now()
    messages = MessageFactory.create_batch(6, conversation=ConversationFactory.create(tenant=tenant))
    queue(*messages[:2], queued_at=now - timedelta(hours=1))
    queue(messages[2], status="failed", attempts=10, error="No.")
    queue(*messages[3:], status="completed", queued_at=now - timedelta(seconds=2), completed_at=now)
    sizes.measure(now=now)
    answer = get(api, "embeddings")
    assert {row["status"]: row["count"] for row in answer["counts"]} == {"pending": 2, "failed": 1, "completed": 3}
    assert (answer["model"], answer["backlog"], answer["lag_seconds"]) == ("mock:mock:64", 2, {"p50": 2.0, "p95": 2.0})
    assert datetime.fromisoformat(answer["oldest_at"]) == now - timedelta(hours=1)
    [failure] = answer["failures"]
    assert (failure["message_id"], failure["attempts"], failure["error"]) == (str(messages[2].pk), 10, "No.")


def test_embeddings_of_nothing(api):
    answer = get(api, "embeddings")
    assert (answer["counts"], answer["backlog"], answer["oldest_at"], answer["failures"]) == ([], 0, None, [])
    assert answer["lag_seconds"] == {"p50": None, "p95": None}


# --- All tenants ------------------------------------------------------------------------------------------------------


def test_a_deployment_key_sees_every_tenant_by_pages(operator_api, tenant):
    other = TenantFactory.create()
    used(tenant, user_messages=2, searches=1)
    used(tenant, ago=3, user_messages=1, recalls=1)
    used(tenant, ago=30, user_messages=100)
    first = get(operator_api, "tenants", limit=1)
    second = get(operator_api, "tenants", limit=1, cursor=first["next_cursor"])
    [mine], [empty] = first["items"], second["items"]
    assert (mine["tenant_id"], mine["messages_today"], mine["messages_30_days"], mine["asked_30_days"]) == (
        tenant.slug, 2, 3, 2,
    )  # fmt: skip
    assert (empty["tenant_id"], empty["messages_30_days"], empty["size"]) == (other.slug, 0, None)
    assert second["next_cursor"] is None


def test_a_key_of_a_tenant_does_not_see_all_tenants(api):
    assert complaint(api.get(TENANTS))[:2] == (403, "permission_denied")


# --- Who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*EVERY, TENANTS])
def test_a_key_of_an_end_user_may_not(maya_api, path):
    assert complaint(maya_api.get(path))[:2] == (403, "permission_denied")


@pytest.mark.parametrize("path", EVERY)
def test_a_deployment_key_names_the_tenant(operator_api, tenant, path):
    assert operator_api.get(path, {"tenant_id": tenant.slug}).json()["tenant_id"] == tenant.slug
    assert complaint(operator_api.get(path))[:2] == (404, "tenant_not_found")


@pytest.mark.parametrize("path", EVERY)
def test_a_tenant_sees_figures_of_its_own(api, path):
    other = TenantFactory.create()
    used(other, user_messages=7, searches=7)
    talk(other, 3)
    sizes.measure(now=timezone.now())
    answer = api.get(path).json()
    assert other.slug not in str(answer)
    assert not [figure for figure in _numbers(answer) if figure in (7, 3)]
    assert complaint(api.get(path, {"tenant_id": other.slug}))[:2] == (403, "permission_denied")


def _numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [n for one in value for n in _numbers(one)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("path", EVERY)
def test_a_key_without_the_scope_to_read_may_not(tenant, path):
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="writer", scopes=["write"])[1])
    assert complaint(client.get(path))[:2] == (403, "insufficient_scope")


@pytest.mark.parametrize("path", [*EVERY, TENANTS])
def test_more_rows_take_no_more_queries(operator_api, tenant, path):
    address = path if path == TENANTS else f"{path}?tenant_id={tenant.slug}"
    few = queries(operator_api, address)
    for ago in range(20):
        used(tenant, ago=ago, user_messages=1)
    for _ in range(3):
        talk(TenantFactory.create(), 2)
        queue(*MessageFactory.create_batch(2, conversation=ConversationFactory.create(tenant=tenant)))
    sizes.measure(now=timezone.now())
    assert queries(operator_api, address) <= few + 1  # conversations that were found are then looked up
