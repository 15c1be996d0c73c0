"""Lists: filters, alone and together, and pages that neither repeat nor lose a row."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memories.models import Message, MessageEmbedding
from memories.tests.api.calls import complaint, ids, new, stored
from memories.tests.factories import ConversationFactory, MessageFactory

pytestmark = pytest.mark.django_db
SOME_ID = "01a1f93b-dba8-7442-b429-45c2a3721d8b"
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def pages(api, path: str, *, between=lambda: None, **query) -> list[list[str]]:
    """The ids of every page, one list a page; `between` runs after each."""
    result = []
    while True:
        response = api.get(path, query)
        result.append(ids(response))
        if response.json()["next_cursor"] is None:
            return result
        query["cursor"] = response.json()["next_cursor"]
        between()


def flat(pages: list[list[str]]) -> list[str]:
    return [one for page in pages for one in page]


def in_conversation(tenant, *times: datetime) -> list[str]:
    conversation = ConversationFactory.create(tenant=tenant, external_id="talk")
    return [str(MessageFactory.create(conversation=conversation, created_at=time).pk) for time in times]


def test_newest_first_and_equal_times_by_id(api, tenant):
    one, two, three, four = in_conversation(tenant, NOON, NOON + timedelta(1), NOON, NOON)
    assert ids(api.get("/v1/messages")) == [two, *sorted([one, three, four], reverse=True)]


def test_the_last_page_has_no_cursor(api, tenant):
    in_conversation(tenant, *[NOON] * 4)
    assert [len(page) for page in pages(api, "/v1/messages", limit=2)] == [2, 2]


def test_pages_are_exact_while_rows_come_and_go(api, tenant):
    known = in_conversation(tenant, *[NOON] * 9)
    conversation = Message.objects.get(pk=known[0]).conversation

    def write() -> None:
        MessageFactory.create(conversation=conversation, created_at=NOON + timedelta(1))
        Message.objects.filter(pk=max(known)).delete()

    seen = flat(pages(api, "/v1/messages", between=write, limit=2))
    assert seen == sorted(known, reverse=True)


def test_a_cursor_survives_the_loss_of_its_row(api, tenant):
    known = sorted(in_conversation(tenant, *[NOON] * 4))
    first = api.get("/v1/messages", {"limit": 2})
    Message.objects.filter(pk__in=known[2:]).delete()
    assert ids(api.get("/v1/messages", {"cursor": first.json()["next_cursor"]})) == [known[1], known[0]]


@given(offsets=st.lists(st.integers(0, 3), min_size=1, max_size=12), limit=st.integers(1, 5))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_directions_show_every_row_once(api, tenant, offsets, limit):
    conversation = ConversationFactory.create(tenant=tenant)
    for offset in offsets:
        MessageFactory.create(conversation=conversation, created_at=NOON + timedelta(seconds=offset))
    everything = [str(pk) for pk in conversation.messages.order_by("created_at", "id").values_list("pk", flat=True)]
    name = conversation.external_id
    forwards = pages(api, f"/v1/conversations/{name}/messages", limit=limit)
    backwards = pages(api, "/v1/messages", conversation_id=name, limit=limit)
    assert flat(forwards) == everything
    assert flat(backwards) == everything[::-1]


def test_conversations_page_too(api):
    for number in range(5):
        stored(api, conversation_id=f"talk-{number}")
    seen = pages(api, "/v1/conversations", limit=2)
    assert [len(page) for page in seen] == [2, 2, 1]
    assert len(set(flat(seen))) == 5


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "", "1_0", "٣", "9" * 5000])
def test_a_limit_out_of_range_is_refused(api, limit):
    assert complaint(api.get("/v1/messages", {"limit": limit}))[::2] == (400, "limit")


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense", "====", "é", "[]", encoded([]), encoded(5), encoded(None), encoded({"a": 1, "b": 2}),
        encoded(["x", SOME_ID]), encoded([NOON.isoformat(), "x"]), encoded([NOON.isoformat(), 5]),
        encoded(["0001-01-01T00:00:00+14:00", SOME_ID]), encoded([1, 2, 3]), encoded("ab"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/conversations"])
def test_a_bad_cursor_is_a_400(api, path, cursor):
    assert complaint(api.get(path, {"cursor": cursor})) == (400, "invalid_cursor", "cursor")


# --- Filters --------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(api):
    """Three messages that differ in everything."""
    metadata = [{"n": 5, "ok": True, "tag": "a"}, {"n": "5", "ok": False}, {"n": 1.5, "ok": "true", "tag": "b"}]
    roles = ["user", "assistant", "system"]
    return [
        stored(
            api, conversation_id=f"talk-{n}", user_id=f"user-{n}", role=roles[n], metadata=metadata[n],
            created_at=(NOON + timedelta(hours=n)).isoformat(),
        )["id"]
        for n in range(3)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"conversation_id": "talk-1"}, [1]),
        ({"user_id": "user-2"}, [2]),
        ({"user_id": "nobody"}, []),
        ({"role": "assistant"}, [1]),
        ({"since": "2024-03-01T13:00:00Z"}, [1, 2]),
        ({"until": "2024-03-01T13:00:00Z"}, [0, 1]),
        ({"since": "2024-03-01T18:45:00+05:45"}, [1, 2]),
        ({"embedding_status": "pending"}, [0, 1, 2]),
        ({"embedding_status": "completed"}, []),
        ({"archived": "true"}, []),
        ({"archived": "false"}, [0, 1, 2]),
        ({"metadata.tag": "a"}, [0]),
        ({"metadata.n": "5"}, [0, 1]),
        ({"metadata.n": "1.5"}, [2]),
        ({"metadata.ok": "true"}, [0, 2]),
        ({"metadata.ok": "false"}, [1]),
        ({"metadata.missing": "a"}, []),
        ({"metadata.n": "5", "metadata.ok": "true"}, [0]),
        ({"since": "2024-03-01T13:00:00Z", "role": "user"}, []),
        ({"since": "2024-03-01T13:00:00Z", "metadata.tag": "b", "user_id": "user-2"}, [2]),
        ({"since": "2025-01-01T00:00:00Z", "until": "2024-01-01T00:00:00Z"}, []),
    ],
)
def test_filters(api, three, query, expected):
    assert sorted(ids(api.get("/v1/messages", query))) == sorted(three[n] for n in expected)


@pytest.mark.parametrize(
    "value", ["9" * 400, "-" + "9" * 400, "1e999", "nan", "[" * 2000, '{"a": 1}', "null", '"5"', ""]
)
def test_an_odd_metadata_value_is_just_text(api, value):
    message = stored(api, metadata={"k": value})["id"]
    stored(api, metadata={"k": "other"})
    assert ids(api.get("/v1/messages", {"metadata.k": value})) == [message]


def test_the_embedding_status_is_that_of_the_row(api, three):
    MessageEmbedding.objects.filter(message=three[0]).update(status="failed")
    assert ids(api.get("/v1/messages", {"embedding_status": "failed"})) == [three[0]]


def test_archived_ones_are_listed_by_themselves(api, three):
    api.patch(f"/v1/messages/{three[1]}", {"archived": True})
    assert ids(api.get("/v1/messages", {"archived": "true"})) == [three[1]]
    assert sorted(ids(api.get("/v1/messages"))) == sorted([three[0], three[2]])


def test_a_user_is_found_by_our_id_as_well(api, three):
    user_id = str(Message.objects.get(pk=three[1]).end_user_id)
    assert ids(api.get("/v1/messages", {"user_id": user_id})) == [three[1]]


def test_filters_hold_on_every_page(api):
    api.post("/v1/messages/batch", {"messages": [new(role=role) for role in ["user", "tool"] * 5]})
    seen = flat(pages(api, "/v1/messages", limit=2, role="tool"))
    assert len(seen) == 5
    assert set(Message.objects.filter(pk__in=seen).values_list("role", flat=True)) == {"tool"}


@pytest.mark.parametrize(
    "query",
    [
        "role=robot", "since=yesterday", "until=5", "archived=1", "archived=", "embedding_status=done", "colour=red",
        "conversation_id=a%20b", "user_id=", "role=%00", "metadata=x", "metadata=x&metadata.k=v", "metadata.k=%00",
        "tenant_id=a%20b", "user_id=%00", "since=0001-01-01T00:00:00%2B14:00", "conversation_id=a%0A",
    ],
)  # fmt: skip
def test_a_bad_filter_is_a_400_that_names_it(api, query):
    status, _, attr = complaint(api.get(f"/v1/messages?{query}"))
    assert (status, attr) == (400, query.split("=")[0].split(".")[0])
