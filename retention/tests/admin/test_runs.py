"""Runs as an operator sees them."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from memories.models import Message
from memories.tasks import OPERATION_WAKE_FLAG, work_off_operations
from memories.tests.factories import MessageFactory
from retention import holds, runs
from retention.models import Policy, Run
from retention.tests.factories import aged
from tenants.models import AuditEvent
from tenants.tests.admin_pages import act, adding, listing, page, queries, text
from tenants.tests.factories import TenantFactory

RUN = "retention_run"


@pytest.fixture
def old(tenant, conversation):
    """Three messages that the tenant's policy archives."""
    Policy.objects.create(tenant=tenant, max_age_days=30)
    return [aged(days, conversation=conversation, content=f"said {days} days ago") for days in (40, 100, 101)]


@pytest.fixture
def dry(old, tenant):
    return runs.begin(tenant, trigger="api", dry_run=True)


@pytest.fixture
def ended(old, tenant):
    run = runs.begin(tenant, trigger="api", dry_run=False)
    runs.execute(run)
    return run


def archived():
    return Message.objects.archived().count()


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_the_page_of_a_run_draws_its_plan(browser, dry):
    shown = text(browser.get(page(dry)))
    assert "older than max_age_days" in shown
    assert 'class="bar-archive"' in shown
    assert "said 101 days ago" in shown


def test_ages_are_counted_in_months_at_the_time_of_the_plan(browser, dry):
    bars = browser.get(page(dry)).context["ages"]
    assert [(bar.label, bar.said) for bar in bars] == [("1 to 2", "1"), ("2 to 3", "0"), ("3 to 4", "2")]
    assert [part.width for bar in bars for part in bar.parts] == [50, 100]


def test_of_many_items_some_are_looked_at(browser, tenant, conversation, monkeypatch):
    monkeypatch.setattr("retention.admin.plan_pictures.LOOKED_AT", 10)
    Policy.objects.create(tenant=tenant, max_age_days=30)
    for _ in range(20):
        aged(40, conversation=conversation)
    response = browser.get(page(runs.begin(tenant, trigger="api", dry_run=True)))
    assert [bar.said for bar in response.context["ages"]] == ["about 20"]
    assert "one of 2 was looked at" in text(response)


def test_what_is_gone_by_now_is_named_by_its_id(browser, dry, old):
    Message.objects.filter(pk=old[0].pk).delete()
    shown = text(browser.get(page(dry)))
    assert str(old[0].pk) in shown
    assert page(old[0]) not in shown


def test_who_may_not_look_at_messages_reads_none(viewer, dry):
    shown = text(viewer.get(page(dry)))
    assert "older than max_age_days" in shown
    assert "days ago" not in shown


def test_names_of_rules_are_escaped(browser, dry):
    dry.planned[0]["reason"] = "<script>alert(1)</script>"
    dry.sample[0]["reason"] = "<script>alert(1)</script>"
    dry.save()
    assert "<script>alert(1)" not in text(browser.get(page(dry)))


def test_a_plan_of_nothing_says_so(browser, tenant):
    assert "no message was due" in text(browser.get(page(runs.begin(tenant, trigger="api", dry_run=True))))


def test_a_running_run_is_looked_at_again(browser, old, tenant, ended):
    assert "Refresh" not in browser.get(page(ended))
    running = Run.objects.create(tenant=tenant, dry_run=False, trigger="api", total=4, archived=1)
    response = browser.get(page(running))
    assert "Refresh" in response
    assert response.context["progress"].said == "25 %"


def test_a_failed_run_says_why(browser, tenant):
    run = Run.objects.create(tenant=tenant, dry_run=False, trigger="api", status="failed", error="the disk was full")
    assert "the disk was full" in text(browser.get(page(run)))


def test_the_list_takes_as_many_queries_for_twenty_as_for_five(browser):
    def begin(count):
        for _ in range(count):
            runs.begin(TenantFactory.create(), trigger="api", dry_run=True)

    begin(5)
    few = queries(browser, listing(RUN))
    begin(15)
    assert queries(browser, listing(RUN)) == few


# --- A dry run --------------------------------------------------------------------------------------------------------


def test_a_dry_run_of_any_tenant_is_made_by_its_form(browser, tenant, conversation):
    aged(400, conversation=conversation, importance_override=0.0, stored_importance=0.0)
    response = browser.post(adding(RUN), {"tenant": tenant.pk, "actions": ["archive"]})
    run = Run.objects.get()
    assert response["Location"] == page(run)
    assert (run.dry_run, run.actions, run.total, archived()) == (True, ["archive"], 1, 0)


@pytest.mark.parametrize("given", [{}, {"actions": ["archive"]}, {"actions": ["burn"]}])
def test_a_dry_run_of_nothing_is_refused(browser, given):
    assert browser.post(adding(RUN), given).context["adminform"].form.errors
    assert not Run.objects.exists()


# --- For real ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_is_run_for_real_after_a_question(browser, dry, django_capture_on_commit_callbacks):
    assert "Run this for real?" in act(browser, RUN, "enforce", dry)
    assert Run.objects.count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert "Runs begun: 1." in act(browser, RUN, "enforce", dry, confirmed="yes")
    run = Run.objects.get(dry_run=False)
    assert (run.trigger, run.actions, run.total) == ("admin", dry.actions, 3)
    assert cache.get(OPERATION_WAKE_FLAG)
    work_off_operations()
    assert archived() == 3


def test_while_another_run_is_at_work_none_is_begun(browser, dry, tenant):
    runs.begin(tenant, trigger="api", dry_run=False)
    assert "is not finished" in act(browser, RUN, "enforce", dry, confirmed="yes")
    assert Run.objects.filter(dry_run=False).count() == 1


def test_what_ran_for_real_is_not_run_again_by_it(browser, ended):
    assert "Runs begun: 0." in act(browser, RUN, "enforce", ended, confirmed="yes")
    assert Run.objects.count() == 1


def test_a_run_is_cancelled_after_a_question(browser, old, tenant):
    run = runs.begin(tenant, trigger="api", dry_run=False)
    assert 'value="cancel"' in text(browser.get(page(run)))
    assert "Cancel this?" in act(browser, RUN, "cancel", run)
    assert "Runs cancelled: 1." in act(browser, RUN, "cancel", run, confirmed="yes")
    assert "Runs cancelled: 0." in act(browser, RUN, "cancel", run, confirmed="yes")
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert AuditEvent.objects.filter(action="retention.cancelled", actor_kind="operator").exists()


# --- Back -------------------------------------------------------------------------------------------------------------


def test_what_a_run_archived_is_restored_after_a_question(browser, ended, conversation):
    earlier = MessageFactory.create(conversation=conversation, archived_at=timezone.now() - timedelta(days=9))
    assert 'value="restore"' in text(browser.get(page(ended)))
    assert "Restore what this archived?" in act(browser, RUN, "restore", ended)
    assert archived() == 4
    assert "Messages restored: 3." in act(browser, RUN, "restore", ended, confirmed="yes")
    assert list(Message.objects.archived()) == [earlier]


def test_a_dry_run_restores_nothing(browser, dry):
    assert "Messages restored: 0." in act(browser, RUN, "restore", dry, confirmed="yes")


def test_many_are_restored_by_a_job(browser, ended, monkeypatch):
    monkeypatch.setattr("retention.admin.runs.RESTORED_AT_ONCE", 2)
    assert "A job restores" in act(browser, RUN, "restore", ended, confirmed="yes")
    assert archived() == 3
    work_off_operations()
    assert archived() == 0


@pytest.mark.parametrize("action", ["enforce", "cancel", "restore"])
def test_a_viewer_does_nothing_to_a_run(viewer, ended, dry, tenant, action):
    before = list(Run.objects.values())
    assert f'value="{action}"' not in text(viewer.get(page(dry))) + text(viewer.get(page(ended)))
    act(viewer, RUN, action, dry, ended, confirmed="yes")
    assert (list(Run.objects.values()), archived()) == (before, 3)
    assert viewer.get(adding(RUN)).status_code == 403


@pytest.mark.parametrize("way", ["delete", "change"])
def test_a_run_is_neither_deleted_nor_changed(browser, dry, way):
    assert browser.post(page(dry).replace("change", way), {"post": "yes"}).status_code == 403


def test_a_held_message_stays_out_of_a_plan_made_here(browser, tenant, old):
    holds.place(tenant, kind="pin", message=old[0])
    browser.post(adding(RUN), {"tenant": tenant.pk, "actions": ["archive"]})
    assert Run.objects.get().total == 2
