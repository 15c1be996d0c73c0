"""Rows for tests."""

import json
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from memories.models import Message
from memories.tests.factories import MessageFactory
from tenants.models import Tenant

TABLES = (
    "memories_conversation",
    "memories_embeddingwindow",
    "memories_message",
    "memories_messageembedding",
    "tenants_enduser",
)


def aged(days: float, **fields: Any) -> Message:
    """A message of so many days ago."""
    return MessageFactory.create(created_at=timezone.now() - timedelta(days=days), **fields)


def rows(tenant: Tenant) -> dict[str, list[dict[str, Any]]]:
    """All columns of all that belongs to a tenant's messages, as PostgreSQL has them; numbers of rows aside."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            key = "'{id}'" if "embedding" in table else "'{}'"
            query = f"SELECT to_jsonb(one) #- {key} AS row FROM {table} AS one WHERE tenant_id = %s ORDER BY row"
            cursor.execute(query, [tenant.pk])
            found[table] = [json.loads(row) for (row,) in cursor.fetchall()]
    return found
