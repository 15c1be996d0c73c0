"""Fixtures of this room."""

from pathlib import Path

import pytest
from django.utils import timezone

from memories.models import Message
from memories.tests.factories import ConversationFactory
from memories.tests.helpers import embed_all, queue
from retention import runs
from retention.tests.factories import aged
from tenants.tests.factories import EndUserFactory


@pytest.fixture(autouse=True)
def cold_storage(settings, tmp_path) -> Path:
    """Each test has a folder of its own as the storage `cold`."""
    folder: Path = tmp_path / "cold"
    own = settings.STORAGES["cold"] | {"OPTIONS": {"location": folder}}
    settings.STORAGES = settings.STORAGES | {"cold": own}
    return folder


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch) -> None:
    monkeypatch.setattr(runs, "REST", 0.0)


@pytest.fixture
def told(tenant) -> list[Message]:
    """Messages of every kind: live, archived, overridden, with and without end user, embedded and not."""
    host, guest = EndUserFactory.create_batch(2, tenant=tenant, metadata={"vip": True})
    talk = ConversationFactory.create(tenant=tenant, end_user=host, title="Cats", metadata={"lang": "en"})
    other = ConversationFactory.create(tenant=tenant)
    told = [
        aged(50, conversation=talk, end_user=guest, content="a cat sleeps", metadata={"a": [1, None, 2.5]}),
        aged(40, conversation=talk, end_user=host, content="a dog barks", archived_at=timezone.now()),
        aged(35, conversation=other, role="tool", importance_override=0.25, stored_importance=1 / 3, external_id="x1"),
    ]
    queue(*told[:2])
    embed_all()
    queue(told[2], status="failed", attempts=10, error="refused")
    return told
