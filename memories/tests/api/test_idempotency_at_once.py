"""Many copies of one POST with one Idempotency-Key, all under way together."""

from copy import copy
from threading import Barrier

import pytest

from memories.models import Conversation, Message, MessageEmbedding
from memories.tests.api.calls import new
from memories.tests.helpers import DEADLINE, at_once
from tenants import idempotency
from tenants.models import IdempotencyKey

pytestmark = pytest.mark.django_db(transaction=True)
COPIES = 50


@pytest.fixture
def together(monkeypatch):
    """No copy looks for the key before all have come so far, each in a transaction of its own."""
    arrived, digest_of = Barrier(COPIES), idempotency._digest

    def digest(request):
        if not hasattr(request, "has_waited"):  # a repeat asks for it twice
            request.has_waited = arrived.wait(DEADLINE)
        return digest_of(request)

    monkeypatch.setattr(idempotency, "_digest", digest)


@pytest.mark.parametrize(
    ("path", "body", "status", "counts"),
    [
        ("/v1/messages", new(user_id="ann"), 202, (1, 1, 1)),
        ("/v1/conversations", {"conversation_id": "talk", "title": "Plans"}, 201, (0, 1, 0)),
    ],
    ids=["messages", "conversations"],
)
def test_fifty_copies_are_one_row_and_one_answer(api, together, path, body, status, counts):
    answers = at_once(*[lambda: copy(api).post(path, body, headers={"Idempotency-Key": "k"})] * COPIES)
    assert {answer.status_code for answer in answers} == {status}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert (Message.objects.count(), Conversation.objects.count(), MessageEmbedding.objects.count()) == counts
    assert IdempotencyKey.objects.count() == 1
