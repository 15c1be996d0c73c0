"""Every constraint of the database, kept and broken; what the querysets leave out."""

import json
import uuid
from contextlib import nullcontext

import pytest
from django.db import DatabaseError, IntegrityError

from memories.models import Conversation, EmbeddingStatus, EmbeddingWindow, Message, MessageEmbedding
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import queue
from tenants.tests.factories import EndUserFactory, TenantFactory

pytestmark = pytest.mark.django_db
MOCK = "mock:mock:64"


def violates(constraint: str | None):
    return pytest.raises(IntegrityError, match=constraint) if constraint else nullcontext()


@pytest.mark.parametrize("external_id", ["a", "A-z_0.9", "x" * 128])
def test_a_conversation_id_is_sane(external_id: str) -> None:
    assert ConversationFactory.create(external_id=external_id).pk


@pytest.mark.parametrize("external_id", ["", "with space", "a/b", "ü", "line\n"])
def test_a_conversation_id_that_is_not_sane_is_refused(external_id: str) -> None:
    with violates("conversation_id_is_sane"):
        ConversationFactory.create(external_id=external_id)


def test_a_conversation_id_beyond_its_length_is_refused() -> None:
    with pytest.raises(DatabaseError):
        ConversationFactory.create(external_id="x" * 129)


def test_a_conversation_id_is_unique_in_its_tenant(tenant) -> None:
    ConversationFactory.create(tenant=tenant, external_id="one")
    ConversationFactory.create(tenant=TenantFactory.create(), external_id="one")
    with violates("conversation_external_id_is_unique"):
        ConversationFactory.create(tenant=tenant, external_id="one")


def test_an_external_id_is_unique_in_its_tenant() -> None:
    first = MessageFactory.create(external_id="one")
    MessageFactory.create(external_id="one")
    with violates("message_external_id_is_unique"):
        MessageFactory.create(conversation=ConversationFactory.create(tenant=first.tenant), external_id="one")


def test_messages_need_no_external_id() -> None:
    first = MessageFactory.create(external_id=None)
    assert MessageFactory.create(conversation=first.conversation, external_id=None).pk


@pytest.mark.parametrize(
    ("role", "constraint"),
    [
        ("user", None),
        ("assistant", None),
        ("system", None),
        ("tool", None),
        ("", "message_role_is_known"),
        ("User", "message_role_is_known"),
        ("function", "message_role_is_known"),
    ],
)
def test_a_role_is_known(role: str, constraint: str | None) -> None:
    with violates(constraint):
        MessageFactory.create(role=role)


@pytest.mark.parametrize(
    ("override", "constraint"),
    [
        (None, None),
        (0.0, None),
        (1.0, None),
        (-0.001, "message_override_is_a_share"),
        (1.001, "message_override_is_a_share"),
        (float("nan"), "message_override_is_a_share"),
    ],
)
def test_an_override_is_a_share(override: float | None, constraint: str | None) -> None:
    with violates(constraint):
        MessageFactory.create(importance_override=override)


def test_a_message_has_one_embedding_of_a_model() -> None:
    message = MessageFactory.create()
    queue(message)
    MessageEmbedding.objects.create(tenant=message.tenant, message=message, model="other")
    with violates("embedding_is_unique"):
        queue(message)


@pytest.mark.parametrize("status", ["pending", "completed", "failed"])
def test_an_embedding_status_is_known(status: str) -> None:
    assert queue(MessageFactory.create(), status=status)


@pytest.mark.parametrize("status", ["", "done", "Pending"])
def test_an_unknown_embedding_status_is_refused(status: str) -> None:
    with violates("embedding_status_is_known"):
        queue(MessageFactory.create(), status=status)


@pytest.mark.parametrize(("claim", "constraint"), [(uuid.UUID(int=1), None), (None, "embedding_in_process_is_claimed")])
def test_an_embedding_in_process_is_claimed(claim: uuid.UUID | None, constraint: str | None) -> None:
    with violates(constraint):
        queue(MessageFactory.create(), status=EmbeddingStatus.PROCESSING, claim=claim)


def test_a_window_has_one_vector() -> None:
    message = MessageFactory.create()
    window = {"tenant": message.tenant, "message": message, "vector": [1.0, 0.0]}
    EmbeddingWindow.objects.create(model="a", position=0, **window)
    EmbeddingWindow.objects.create(model="a", position=1, **window)
    EmbeddingWindow.objects.create(model="b", position=0, **window)
    with violates("embedding_window_is_unique"):
        EmbeddingWindow.objects.create(model="a", position=0, **window)


def test_attempts_are_not_negative() -> None:
    with violates("attempts_check"):
        queue(MessageFactory.create(), attempts=-1)


def test_positions_are_not_negative() -> None:
    message = MessageFactory.create()
    window = EmbeddingWindow(tenant=message.tenant, message=message, model="a", position=-1, vector=[1.0, 0.0])
    with violates("position_check"):
        window.save()


def test_vectors_of_different_sizes_live_side_by_side() -> None:
    message = MessageFactory.create()
    for size in (2, 3):
        vector = [1.0] * size
        EmbeddingWindow.objects.create(
            tenant=message.tenant, message=message, model=f"m:{size}", position=0, vector=vector
        )
    assert message.windows.count() == 2


def test_activity_is_read_from_the_messages() -> None:
    empty, busy = ConversationFactory.create(), ConversationFactory.create()
    MessageFactory.create(conversation=busy)
    last = MessageFactory.create(conversation=busy)
    by_id = {one.pk: vars(one) for one in Conversation.objects.with_activity()}
    assert (by_id[empty.pk]["message_count"], by_id[empty.pk]["last_message_at"]) == (0, None)
    assert (by_id[busy.pk]["message_count"], by_id[busy.pk]["last_message_at"]) == (2, last.created_at)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"lang": "en"}, True),
        ({"lang": "de"}, False),
        ({"lang": "en", "turn": "5"}, True),
        ({"turn": "5"}, True),
        ({"turn": 5}, True),
        ({"turn": "6"}, False),
        ({"pinned": "true"}, True),
        ({"pinned": "false"}, False),
        ({"code": "007"}, True),
        ({"code": "7"}, False),
        ({"missing": "null"}, False),
        ({"turn": "NaN"}, False),
    ],
)
def test_metadata_filters_are_exact(wanted: dict[str, object], found: bool) -> None:
    MessageFactory.create(metadata={"lang": "en", "turn": 5, "pinned": True, "code": "007"})
    assert Message.objects.with_metadata(wanted).exists() is found


def test_messages_of_a_user_by_either_id() -> None:
    user = EndUserFactory.create()
    message = MessageFactory.create(conversation=ConversationFactory.create(tenant=user.tenant), end_user=user)
    assert message in Message.objects.of_user(user.tenant, user.public_id)
    assert message in Message.objects.of_user(user.tenant, str(user.pk))
    assert not Message.objects.of_user(TenantFactory.create(), str(user.pk)).exists()
    assert not Message.objects.of_user(user.tenant, "nobody").exists()


def test_rows_introduce_themselves() -> None:
    message = MessageFactory.create(content="hello", conversation__external_id="c1")
    (embedding,) = queue(message)
    window = EmbeddingWindow(model="m", position=2)
    names = [str(one) for one in (message, message.conversation, embedding, window)]
    assert names == ["user: hello", "c1", f"{MOCK}: pending", "m #2"]


def test_a_title_names_its_conversation() -> None:
    assert str(Conversation(title="Holidays", external_id="c1")) == "Holidays"


def test_metadata_holds_any_json() -> None:
    metadata = {"nested": {"list": [1, 2.5, None, True, "é"]}}
    message = MessageFactory.create(metadata=metadata)
    message.refresh_from_db()
    assert json.dumps(message.metadata) == json.dumps(metadata)
