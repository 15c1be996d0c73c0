"""How things stand, as the servers say it."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import Metric
from redis import Redis

from memories.models import EmbeddingStatus, Job, JobKind, JobStatus
from memories.tests.factories import MessageFactory
from memories.tests.helpers import queue
from memory_layer.metrics import state
from memory_layer.probes import Probe
from retention.models import Run
from tenants.models import Tenant
from tenants.tests.factories import EndUserFactory, TenantFactory
from tenants.tests.plain_login import plain_login


def values(families) -> dict[str, float]:
    """By name, with the value of its label if it has one."""
    samples = [sample for family in families for sample in family.samples]
    return {" ".join([one.name, *one.labels.values()]): one.value for one in samples}


def rows() -> dict[str, float]:
    with plain_login():
        return values(state.rows())


# --- Rows -------------------------------------------------------------------------------------------------------------


def test_nothing_waits_at_first(db):
    found = rows()
    assert {found["embedding_backlog"], found["embedding_oldest_pending_seconds"], found["embedding_failed"]} == {0}
    assert {found[f"jobs_open {kind}"] for kind in JobKind.values} == {0}


def test_messages_that_wait_are_counted_from_the_first_of_them(db):
    now = timezone.now()
    queue(MessageFactory.create(), queued_at=now - timedelta(hours=1))
    queue(MessageFactory.create(), queued_at=now, status=EmbeddingStatus.PROCESSING, claim=Tenant().pk)
    queue(MessageFactory.create(), queued_at=now - timedelta(days=1), status=EmbeddingStatus.COMPLETED)
    found = rows()
    assert found["embedding_backlog"] == 2
    assert 3600 <= found["embedding_oldest_pending_seconds"] < 3700


def test_what_another_model_was_to_embed_is_not_counted(db):
    (row,) = queue(MessageFactory.create())
    type(row).objects.update(model="mock:other:64")
    assert rows()["embedding_backlog"] == 0


def test_given_up_messages_are_counted(db):
    queue(MessageFactory.create(), status=EmbeddingStatus.FAILED)
    assert rows()["embedding_failed"] == 1


def test_jobs_are_counted_by_kind_and_by_whether_they_are_open(tenant):
    user = EndUserFactory.create(tenant=tenant)
    for status in JobStatus.values:
        claim = tenant.pk if status == JobStatus.RUNNING else None
        Job.objects.create(tenant=tenant, end_user=user, kind=JobKind.EXTRACT, status=status, claim=claim)
    found = rows()
    assert (found["jobs_open extract"], found["jobs_failed extract"]) == (2, 1)
    assert (found["jobs_open erase"], found["jobs_failed erase"]) == (0, 0)


def test_tenants_and_their_runs_are_counted(db):
    first, second = TenantFactory.create(), TenantFactory.create()
    for tenant, status in ((first, Run.Status.RUNNING), (second, Run.Status.COMPLETED)):
        Run.objects.create(tenant=tenant, dry_run=False, trigger=Run.Trigger.API, status=status)
    found = rows()
    assert (found["retention_runs_running"], found["tenants_total"]) == (1, 2)


# --- Queues -----------------------------------------------------------------------------------------------------------


def test_tasks_that_wait_are_counted_and_a_queue_nobody_used_is_empty(settings):
    with Redis.from_url(settings.REDIS_URL) as client:
        client.delete("embed", "extract", "maintenance")
        client.lpush("embed", "{}", "{}")
        found = values(state.queues())
        client.delete("embed")
    assert found == {
        "celery_queue_length embed": 2,
        "celery_queue_length maintenance": 0,
        "celery_queue_length extract": 0,
    }


# --- Together ---------------------------------------------------------------------------------------------------------


def test_all_is_well(transactional_db):
    found = values(state.State().collect())
    assert (found["database_up"], found["redis_up"], found["broker_up"]) == (1, 1, 1)
    assert {"memory_layer_info 0.1.0 test", "embedding_backlog", "celery_queue_length embed"} <= found.keys()


def test_without_redis_the_rest_still_comes(transactional_db, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    found = values(state.State().collect())
    assert (found["database_up"], found["redis_up"]) == (1, 0)
    assert "embedding_backlog" in found


def test_without_the_database_the_rest_still_comes():
    """pytest lets no test without a mark of its own reach it."""
    found = values(state.State().collect())
    assert (found["database_up"], found["redis_up"]) == (0, 1)
    assert "embedding_backlog" not in found
    assert "celery_queue_length embed" in found


def test_a_server_that_hangs_is_waited_for_no_longer_than_that(monkeypatch):
    monkeypatch.setattr(state, "SECONDS", 0.05)
    end = threading.Event()

    def hang() -> list[Metric]:
        end.wait(60)
        return []

    hanging = state.State([Probe("hanging_up", hang), Probe("other_up", list)])
    try:
        assert values(hanging.collect()) == {"memory_layer_info 0.1.0 test": 1, "hanging_up": 0, "other_up": 1}
    finally:
        end.set()


def test_a_statement_that_takes_too_long_is_cut(transactional_db, monkeypatch):
    monkeypatch.setattr(state, "SECONDS", 0.2)
    monkeypatch.setattr(state, "_counts", lambda: Tenant.objects.raw("SELECT pg_sleep(60)::text AS id"))
    with pytest.raises(Exception, match="statement timeout"):
        state.rows()
