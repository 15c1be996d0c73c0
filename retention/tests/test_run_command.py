"""`manage.py run_retention`."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from memories import editing
from memories.jobs import claims
from memories.models import Job, JobKind, Message
from memories.tests.factories import ConversationFactory
from retention import runs
from retention.models import Policy, Run
from retention.tests.factories import aged
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(tenant) -> Message:
    return aged(31, conversation=ConversationFactory.create(tenant=tenant))


def said(*arguments: str, **options: Any) -> str:
    out = StringIO()
    with plain_login():
        call_command("run_retention", *arguments, stdout=out, **options)
    return " ".join(out.getvalue().split())


def archived(*messages: Message) -> list[bool]:
    return [Message.objects.get(pk=one.pk).archived_at is not None for one in messages]


def test_it_runs_and_says_what_was_done(tenant, old) -> None:
    told = said("--tenant", tenant.slug)
    assert "archived 1, deleted 0, moved 0, skipped 0" in told
    assert "older than max_age_days and below importance_threshold" in told
    assert archived(old) == [True]
    assert Run.objects.get().trigger == Run.Trigger.COMMAND


def test_a_dry_run_tells_and_changes_nothing(tenant, old) -> None:
    assert "dry run" in said("--tenant", tenant.slug, "--dry-run")
    assert archived(old) == [False]


def test_enforce_overrides_a_policy_in_dry_run(tenant, old) -> None:
    Policy.objects.create(tenant=tenant, max_age_days=1)
    said("--tenant", tenant.slug)
    assert archived(old) == [False]
    said("--tenant", tenant.slug, "--enforce")
    assert archived(old) == [True]


def test_only_the_actions_named_are_taken(tenant, old) -> None:
    assert "nothing to do" in said("--tenant", tenant.slug, "--actions", "delete")


def test_all_tenants_are_run(tenant, old) -> None:
    other = aged(31, conversation=ConversationFactory.create(tenant=TenantFactory.create()))
    said("--all")
    assert archived(old, other) == [True, True]


def test_an_interrupted_run_is_finished_first(tenant, old) -> None:
    interrupted = runs.begin(tenant, trigger=Run.Trigger.SCHEDULE)
    said("--tenant", tenant.slug)
    interrupted.refresh_from_db()
    assert (interrupted.status, interrupted.archived) == ("completed", 1)
    assert Run.objects.count() == 2


def test_a_run_that_another_process_works_on_is_left_to_it(tenant, old) -> None:
    runs.begin(tenant, trigger=Run.Trigger.SCHEDULE)
    claims.claim([JobKind.RETENTION])
    with pytest.raises(CommandError, match=f"Failed for: {tenant.slug}"):
        said("--tenant", tenant.slug)


def test_one_tenants_failure_does_not_stop_the_others(tenant, old, monkeypatch) -> None:
    other = aged(31, conversation=ConversationFactory.create(tenant=TenantFactory.create(slug="zz-later")))
    archive = editing.archive

    def fail_for_the_first(messages: Any, *, at: Any) -> int:
        if messages.first().tenant_id == tenant.pk:
            raise RuntimeError("no")
        return archive(messages, at=at)

    monkeypatch.setattr(editing, "archive", fail_for_the_first)
    with pytest.raises(CommandError, match=f"Failed for: {tenant.slug}. The others are done"):
        said("--all")
    assert archived(old, other) == [False, True]
    assert "RuntimeError" in Job.objects.get(tenant=tenant).error


def test_ctrl_c_cancels_the_run(tenant, old, monkeypatch) -> None:
    def interrupt(*_: Any, **__: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(editing, "archive", interrupt)
    with pytest.raises(CommandError, match="its job can be tried again") as caught:
        said("--all")
    assert (caught.value.returncode, Run.objects.get().status, Job.objects.get().status) == (130, *["cancelled"] * 2)


def test_an_unknown_tenant_is_an_error() -> None:
    with pytest.raises(CommandError, match="There is no such tenant"):
        said("--tenant", "nobody")


@pytest.mark.parametrize("arguments", [[], ["--tenant", "a", "--all"], ["--all", "--dry-run", "--enforce"]])
def test_what_contradicts_itself_is_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        said(*arguments)


def test_nothing_old_is_nothing_to_do(tenant) -> None:
    aged(1, conversation=ConversationFactory.create(tenant=tenant), archived_at=timezone.now())
    assert "nothing to do" in said("--tenant", tenant.slug)
    assert Tenant.objects.count() == 1
