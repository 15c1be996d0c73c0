from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from memories import embedding, ingest
from memories.importance import Formula, importance
from memories.ingest import NewMessage, Stored, store
from memories.models import Conversation, EmbeddingStatus, Message, MessageEmbedding
from memories.providers.base import ProviderUnavailable
from memories.tests.factories import ConversationFactory
from memories.tests.helpers import at_once, calls_waiting, raising, without_redis
from tenants.isolation import tenant_scope
from tenants.models import EndUser
from tenants.tests.factories import EndUserFactory, TenantFactory


def turn(content: str = "hello", **fields: object) -> NewMessage:
    return NewMessage(**{"conversation_id": "c1", "role": "user", "content": content, **fields})  # type: ignore[arg-type]


def messages_of(stored: list[Stored]) -> list[Message]:
    return [one.message for one in stored]


def statements(context: CaptureQueriesContext) -> list[str]:
    """What was sent to the database, without the brackets of transactions."""
    brackets = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [one["sql"] for one in context.captured_queries if not one["sql"].startswith(brackets)]


# --- What is stored ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_message_is_stored_as_it_was_given(tenant) -> None:
    created_at = timezone.now() - timedelta(days=3)
    given = turn(
        "  Ü😀  ",
        role="tool",
        metadata={"a": [1]},
        importance_override=0.25,
        created_at=created_at,
        external_id="x",
    )
    store(tenant, [given])
    stored = Message.objects.get()
    assert (stored.content, stored.role, stored.metadata) == ("  Ü😀  ", "tool", {"a": [1]})
    assert (stored.importance_override, stored.created_at, stored.external_id) == (0.25, created_at, "x")
    assert (stored.tenant, stored.conversation.external_id, stored.end_user) == (tenant, "c1", None)


@pytest.mark.django_db
def test_the_score_of_the_moment_is_stored(tenant) -> None:
    created_at = timezone.now() - timedelta(days=7)
    (stored,) = store(tenant, [turn(role="system", created_at=created_at)])
    expected = importance("system", None, created_at, now=timezone.now(), formula=Formula.from_settings())
    assert stored.message.stored_importance == pytest.approx(expected, abs=1e-4)


@pytest.mark.django_db
def test_each_new_message_waits_for_its_embedding(tenant) -> None:
    store(tenant, [turn("one"), turn("two")])
    rows = MessageEmbedding.objects.values_list("model", "status", "attempts", "claim", "tenant")
    assert list(rows) == [("mock:mock:64", "pending", 0, None, tenant.pk)] * 2


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 1000])
def test_messages_come_back_in_order(tenant, count: int) -> None:
    stored = store(tenant, [turn(str(n), conversation_id=f"c{n % 7}") for n in range(count)])
    assert [one.content for one in messages_of(stored)] == [str(n) for n in range(count)]
    assert all(one.is_new for one in stored)
    in_time = Message.objects.order_by("created_at", "pk").values_list("content", flat=True)
    assert list(in_time) == [str(n) for n in range(count)]
    assert Conversation.objects.count() == min(count, 7)


@pytest.mark.django_db
def test_nothing_to_store_is_nothing_stored(tenant) -> None:
    assert store(tenant, []) == []


# --- Few statements ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("user_id", [None, "anna"])
def test_a_turn_of_a_known_conversation_takes_three_statements(tenant, user_id: str | None) -> None:
    store(tenant, [turn(user_id=user_id)])
    with tenant_scope(tenant), CaptureQueriesContext(connection) as context:
        store(tenant, [turn(user_id=user_id)])
    assert len(statements(context)) == 3


@pytest.mark.django_db
def test_a_batch_takes_as_many_statements_as_one(tenant) -> None:
    users = [f"u{n}" for n in range(10)]
    with tenant_scope(tenant), CaptureQueriesContext(connection) as one:
        store(tenant, [turn(user_id="first", conversation_id="first")])
    with tenant_scope(tenant), CaptureQueriesContext(connection) as hundred:
        store(tenant, [turn(user_id=user, conversation_id=f"c{n}") for n in range(10) for user in users])
    assert len(statements(hundred)) == len(statements(one)) == 7


# --- Conversations and end users --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_first_messages_at_once_make_one_conversation_and_one_user(tenant) -> None:
    at_once(*[lambda n=n: store(tenant, [turn(f"turn {n}", user_id="anna")]) for n in range(8)])
    assert Conversation.objects.count() == 1
    assert EndUser.objects.count() == 1
    assert Message.objects.filter(end_user__external_id="anna", conversation__external_id="c1").count() == 8


@pytest.mark.django_db(transaction=True)
def test_new_conversations_in_any_order_do_not_block_each_other(tenant) -> None:
    names = [f"c{n}" for n in range(20)]
    batches = [names, names[::-1]] * 3
    at_once(*[lambda batch=batch: store(tenant, [turn(conversation_id=one) for one in batch]) for batch in batches])
    assert Conversation.objects.count() == 20
    assert Message.objects.count() == 120


@pytest.mark.django_db
def test_a_conversation_id_means_another_conversation_in_another_tenant(tenant) -> None:
    foreign = ConversationFactory.create(external_id="c1")
    (stored,) = store(tenant, [turn()])
    assert stored.message.conversation != foreign
    assert stored.message.conversation.tenant == tenant


@pytest.mark.django_db
def test_an_unknown_user_is_made_once(tenant) -> None:
    store(tenant, [turn(user_id="anna"), turn(user_id="anna")])
    store(tenant, [turn(user_id="anna"), turn(user_id="bert")])
    assert set(EndUser.objects.values_list("external_id", flat=True)) == {"anna", "bert"}
    assert EndUser.objects.count() == 2
    assert Message.objects.filter(end_user__external_id="anna").count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize("spelling", [str, lambda pk: str(pk).upper(), lambda pk: pk.hex, lambda pk: f"{{{pk}}}"])
def test_our_own_id_of_a_user_is_understood(tenant, spelling) -> None:
    user = EndUserFactory.create(tenant=tenant, external_id=None)
    (stored,) = store(tenant, [turn(user_id=spelling(user.pk))])
    assert stored.message.end_user == user
    assert EndUser.objects.count() == 1


@pytest.mark.django_db
def test_a_user_of_another_tenant_is_nobody_here(tenant) -> None:
    foreign = EndUserFactory.create()
    for name in (foreign.external_id, str(foreign.pk)):
        (stored,) = store(tenant, [turn(user_id=name)])
        assert stored.message.end_user in EndUser.objects.filter(tenant=tenant)


@pytest.mark.django_db
def test_a_user_without_a_name_is_mistaken_for_nobody(tenant) -> None:
    nameless = EndUserFactory.create(tenant=tenant, external_id=None)
    stored = store(tenant, [turn(user_id=str(nameless.pk)), turn(user_id="anna"), turn()])
    users = [one.end_user for one in messages_of(stored)]
    assert users == [nameless, EndUser.objects.get(external_id="anna"), None]


@pytest.mark.django_db
def test_users_by_both_kinds_of_id_in_one_batch(tenant) -> None:
    known = EndUserFactory.create(tenant=tenant, external_id="anna")
    stored = store(tenant, [turn(user_id=name) for name in ("anna", str(known.pk), "new")])
    names = [one.end_user and one.end_user.external_id for one in messages_of(stored)]
    assert names == ["anna", "anna", "new"]


# --- Repeats ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_repeat_yields_the_stored_message(tenant) -> None:
    (first,) = store(tenant, [turn("as it was", external_id="x")])
    (repeat,) = store(tenant, [turn("changed", external_id="x")])
    assert (first.is_new, repeat.is_new) == (True, False)
    assert repeat.message == first.message
    assert repeat.message.content == "as it was"
    assert MessageEmbedding.objects.count() == 1


@pytest.mark.django_db
def test_a_repeat_within_a_batch(tenant) -> None:
    stored = store(tenant, [turn("one", external_id="x"), turn("two"), turn("three", external_id="x")])
    assert [one.is_new for one in stored] == [True, True, False]
    assert [one.content for one in messages_of(stored)] == ["one", "two", "one"]
    assert Message.objects.count() == MessageEmbedding.objects.count() == 2


@pytest.mark.django_db
def test_new_ones_among_repeats_are_stored(tenant) -> None:
    store(tenant, [turn("one", external_id="x")])
    stored = store(tenant, [turn("again", external_id="x"), turn("two", external_id="y"), turn("three")])
    assert [one.is_new for one in stored] == [False, True, True]
    assert [one.content for one in messages_of(stored)] == ["one", "two", "three"]


@pytest.mark.django_db
def test_an_external_id_is_the_tenants_own(tenant) -> None:
    store(TenantFactory.create(), [turn("theirs", external_id="x")])
    (stored,) = store(tenant, [turn("ours", external_id="x")])
    assert (stored.is_new, stored.message.content) == (True, "ours")


@pytest.mark.django_db(transaction=True)
def test_the_same_batch_at_once_is_stored_once(tenant) -> None:
    ConversationFactory.create(tenant=tenant, external_id="c1")  # or else the first to make it would hold up the others
    batch = [turn(str(n), external_id=str(n)) for n in range(200)]
    orders = [batch, batch[::-1]] * 3
    results = at_once(*[lambda one=one: store(tenant, one) for one in orders])
    assert Message.objects.count() == MessageEmbedding.objects.count() == 200
    assert sum(one.is_new for result in results for one in result) == 200


# --- After the commit -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_many_stores_call_a_worker_once(tenant) -> None:
    for _ in range(5):
        store(tenant, [turn()])
    assert calls_waiting() == 1


@pytest.mark.django_db(transaction=True)
def test_a_repeat_calls_nobody(tenant) -> None:
    store(tenant, [turn(external_id="x")])
    before = calls_waiting()
    store(tenant, [turn(external_id="x")])
    assert calls_waiting() == before


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_calls_nobody(tenant) -> None:
    with transaction.atomic():
        store(tenant, [turn()])
        transaction.set_rollback(True)
    assert calls_waiting() == 0
    assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_stored_whole_or_not_at_all(tenant) -> None:
    with pytest.raises(IntegrityError, match="message_override_is_a_share"):
        store(tenant, [turn(), turn(conversation_id="c2"), turn(importance_override=2.0)])
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()
    assert calls_waiting() == 0


@pytest.mark.django_db(transaction=True)
def test_without_redis_messages_are_stored_all_the_same(tenant) -> None:
    with without_redis():
        (stored,) = store(tenant, [turn(user_id="anna")])
    assert MessageEmbedding.objects.get(message=stored.message).status == EmbeddingStatus.PENDING


@pytest.mark.django_db(transaction=True)
def test_inline_embedding_is_done_when_store_returns(tenant, settings) -> None:
    settings.MEMORY_ASYNC_EMBEDDINGS = False
    store(tenant, [turn(str(n)) for n in range(embedding.BATCH + 1)])
    assert set(MessageEmbedding.objects.values_list("status", flat=True)) == {"completed"}
    assert calls_waiting() == 0


@pytest.mark.django_db(transaction=True)
def test_inline_embedding_without_its_provider_is_left_for_later(tenant, settings, monkeypatch) -> None:
    settings.MEMORY_ASYNC_EMBEDDINGS = False
    provider = raising(ProviderUnavailable("the vendor answered HTTP 503"))
    monkeypatch.setattr(ingest, "provider_or_absent", lambda key: provider)
    store(tenant, [turn()])
    assert MessageEmbedding.objects.get().status == EmbeddingStatus.PENDING
