"""Rows for tests."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from memories.models import Message
from memories.tests.factories import MessageFactory


def aged(days: float, **fields: Any) -> Message:
    """A message of so many days ago."""
    return MessageFactory.create(created_at=timezone.now() - timedelta(days=days), **fields)
