"""What is known of a person, as an operator sees it."""

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from memories.models import Job, Profile
from memories.tasks import FACT_WAKE_FLAG
from memories.tests.factories import FactFactory, JobFactory
from tenants.models import AuditEvent
from tenants.tests.admin_pages import listing, page, queries, text
from tenants.tests.factories import EndUserFactory

PEOPLE = reverse("admin:memories_fact_person")
SCRIPT = "<script>alert(1)</script>"


def of(user):
    return f"{PEOPLE}?end_user={user.pk}"


def seen(browser, user):
    return text(browser.get(of(user)))


def test_the_page_of_nobody_names_those_last_learned_about(browser, ann):
    FactFactory.create(end_user=ann)
    unknown = EndUserFactory.create()
    shown = text(browser.get(PEOPLE))
    assert of(ann) in shown
    assert of(unknown) not in shown


def test_current_facts_stand_by_category(browser, ann):
    FactFactory.create(end_user=ann, category="work_context", content="Works at Globex.")
    FactFactory.create(end_user=ann, category="biographical", content="Is 34 years old.", is_essential=True)
    FactFactory.create(end_user=ann, category="learning", content="Learns Rust.", standing="removed")
    FactFactory.create(content="Is somebody else's.")
    categories = browser.get(of(ann)).context["categories"]
    assert [(name, len(table["rows"])) for name, table in categories] == [("Biographical", 1), ("Work Context", 1)]
    assert "★" in categories[0][1]["rows"][0][0]


def test_the_timeline_shows_what_was_and_not_what_was_taken_away(browser, ann):
    FactFactory.create(end_user=ann, content="Lived in Austin.", standing="superseded")
    FactFactory.create(end_user=ann, content="Was taken away.", standing="removed")
    shown = seen(browser, ann)
    assert "Lived in Austin." in shown
    assert "fact-superseded" in shown
    assert "Was taken away." not in shown


def test_a_long_timeline_is_cut(browser, ann, monkeypatch):
    monkeypatch.setattr("memories.admin.people.DRAWN", 2)
    FactFactory.create_batch(3, end_user=ann)
    assert "The 2 that began last are drawn." in seen(browser, ann)


def test_the_profile_is_shown(browser, ann):
    Profile.objects.create(
        end_user=ann, tenant=ann.tenant, summary="Lives in Austin.", key_traits=["curious"], updated_at=timezone.now()
    )
    shown = seen(browser, ann)
    assert "Lives in Austin." in shown
    assert "curious" in shown


@pytest.mark.parametrize(("status", "is_shown"), [("queued", True), ("failed", True), ("succeeded", False)])
def test_unfinished_jobs_are_shown(browser, ann, status, is_shown):
    job = JobFactory.create(end_user=ann, status=status)
    assert (page(job) in seen(browser, ann)) == is_shown


def test_what_people_said_is_escaped(browser, ann):
    FactFactory.create(end_user=ann, content=SCRIPT)
    assert SCRIPT not in seen(browser, ann)


def test_many_facts_take_as_many_queries_as_few(browser, ann):
    FactFactory.create_batch(3, end_user=ann)
    few = queries(browser, of(ann))
    FactFactory.create_batch(27, end_user=ann)
    assert queries(browser, of(ann)) == few


def test_many_people_take_as_many_queries_as_few(browser):
    FactFactory.create_batch(3)
    few = queries(browser, PEOPLE)
    FactFactory.create_batch(17)
    assert queries(browser, PEOPLE) == few


@pytest.mark.parametrize("end_user", ["nonsense", "00000000-0000-7000-8000-000000000000"])
def test_an_end_user_who_is_not_there_is_refused(browser, end_user):
    assert list(browser.get(PEOPLE, {"end_user": end_user}).context["form"].errors) == ["end_user"]


def test_facts_and_end_users_lead_to_the_page(browser, ann):
    fact = FactFactory.create(end_user=ann)
    for address in (listing("memories_fact"), page(fact), page(ann), listing("tenants_enduser")):
        assert of(ann) in text(browser.get(address))


def test_consolidation_is_queued_once(browser, ann):
    for _ in range(2):
        assert "Consolidation" in text(browser.post(of(ann), follow=True))
    job = Job.objects.get()
    assert (job.kind, job.status, job.end_user) == ("consolidate", "queued", ann)
    assert AuditEvent.objects.filter(action="admin.consolidated", object_id=str(ann.pk)).count() == 2


def test_consolidation_calls_a_worker_after_the_commit(browser, ann, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        browser.post(of(ann))
        assert cache.get(FACT_WAKE_FLAG) is None
    assert cache.get(FACT_WAKE_FLAG)


def test_a_viewer_looks_and_consolidates_nothing(viewer, ann):
    FactFactory.create(end_user=ann, content="Works at Globex.")
    assert "Works at Globex." in seen(viewer, ann)
    assert viewer.post(of(ann)).status_code == 403
    assert not Job.objects.exists()


def test_who_may_not_look_at_facts_sees_nobody(client, ann, django_user_model):
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert client.get(of(ann)).status_code == 403
