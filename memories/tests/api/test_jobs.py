"""`/v1/jobs`: how long operations go, and what may be done about them."""

import uuid

import pytest
from django.utils import timezone

from memories.models import Job
from memories.tests.api.calls import complaint, ids
from memories.tests.factories import JobFactory
from memories.tests.helpers import redis_client
from tenants import keys
from tenants.models import AuditEvent, Scope
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import PlainClient

pytestmark = pytest.mark.django_db
JOBS = "/v1/jobs"


@pytest.fixture
def failed(maya):
    return JobFactory.create(
        end_user=maya, status="failed", attempts=8, error="The model is down.", finished_at=timezone.now()
    )


def job(api, row):
    response = api.get(f"{JOBS}/{row.pk}")
    assert response.status_code == 200, response.content
    return response.json()


# --- Read -----------------------------------------------------------------------------------------------------------


def test_a_queued_job_has_neither_error_nor_end(api, maya):
    row = JobFactory.create(end_user=maya)
    answer = job(api, row)
    assert answer.pop("created_at").endswith("Z")
    assert answer == {
        "id": str(row.pk),
        "kind": "extract",
        "status": "queued",
        "progress": 0.0,
        "done": 0,
        "total": None,
        "attempts": 0,
        "error": None,
        "finished_at": None,
        "result": {},
    }


def test_a_job_that_succeeded_says_what_came_of_it(api, maya):
    now = timezone.now()
    answer = job(api, JobFactory.create(end_user=maya, status="succeeded", result={"inserted": 2}, finished_at=now))
    assert (answer["progress"], answer["result"], answer["error"]) == (1.0, {"inserted": 2}, None)
    assert answer["finished_at"] == now.isoformat().replace("+00:00", "Z")


def test_a_job_that_failed_says_why(api, failed):
    answer = job(api, failed)
    assert (answer["status"], answer["error"], answer["attempts"]) == ("failed", "The model is down.", 8)


# --- List -----------------------------------------------------------------------------------------------------------


def test_a_list_has_the_newest_first_by_pages(api, maya):
    rows = [str(JobFactory.create(end_user=maya).pk) for _ in range(3)]
    first = api.get(JOBS, {"limit": 2})
    second = api.get(JOBS, {"limit": 2, "cursor": first.json()["next_cursor"]})
    assert ids(first) + ids(second) == rows[::-1]
    assert second.json()["next_cursor"] is None


@pytest.mark.parametrize(
    "query", [{"status": "failed"}, {"kind": "consolidate"}, {"user_id": "ben"}, {"status": "failed", "user_id": "ben"}]
)
def test_filters_leave_what_meets_them_all(api, tenant, maya, query):
    ben = EndUserFactory.create(tenant=tenant, external_id="ben")
    wanted = JobFactory.create(end_user=ben, status="failed", kind="consolidate")
    JobFactory.create(end_user=maya)
    assert ids(api.get(JOBS, query)) == [str(wanted.pk)]


def test_a_list_about_nobody_is_empty(api, failed):
    assert ids(api.get(JOBS, {"user_id": "nobody"})) == []


@pytest.mark.parametrize(
    ("query", "field"), [("status=lost", "status"), ("kind=x", "kind"), ("limit=0", "limit"), ("cursor=x", "cursor")]
)
def test_a_bad_query_is_refused(api, query, field):
    assert complaint(api.get(f"{JOBS}?{query}"))[::2] == (400, field)


# --- Retry ----------------------------------------------------------------------------------------------------------


def test_a_job_that_failed_is_tried_again(api, failed, commit):
    with commit():
        response = api.post(f"{JOBS}/{failed.pk}/retry")
    answer = response.json()
    assert (response.status_code, answer["status"], answer["attempts"]) == (200, "queued", 0)
    assert (answer["error"], answer["finished_at"]) == (None, None)
    assert Job.objects.due().get() == failed
    with redis_client() as client:
        assert client.llen("extract") == 1


def test_a_job_that_was_cancelled_goes_on_where_it_stopped(admin_api, tenant, commit):
    row = of_tenant(tenant, status="cancelled", is_cancelled=True, position={"after": "x"}, done=1, total=4)
    with commit():
        answer = admin_api.post(f"{JOBS}/{row.pk}/retry").json()
    row.refresh_from_db()
    assert (answer["status"], answer["done"], answer["progress"]) == ("queued", 1, 0.25)
    assert (row.position, row.is_cancelled) == ({"after": "x"}, False)
    with redis_client() as client:
        assert client.llen("maintenance") == 1


@pytest.mark.parametrize("status", ["queued", "succeeded"])
def test_a_job_that_did_not_stop_is_not(api, maya, status):
    row = JobFactory.create(end_user=maya, status=status)
    assert complaint(api.post(f"{JOBS}/{row.pk}/retry")) == (409, "job_not_stopped", None)


# --- Cancel -----------------------------------------------------------------------------------------------------------


def test_a_job_that_waits_is_cancelled_at_once(api, maya):
    answer = api.post(f"{JOBS}/{JobFactory.create(end_user=maya).pk}/cancel").json()
    assert (answer["status"], answer["finished_at"] is not None) == ("cancelled", True)


def test_a_job_that_runs_is_told_to_stop(api, maya):
    row = JobFactory.create(end_user=maya, status="running", claim=uuid.uuid4())
    assert api.post(f"{JOBS}/{row.pk}/cancel").json()["status"] == "running"
    row.refresh_from_db()
    assert row.is_cancelled


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_a_job_that_has_ended_is_not_cancelled(api, maya, status):
    row = JobFactory.create(end_user=maya, status=status)
    assert complaint(api.post(f"{JOBS}/{row.pk}/cancel")) == (409, "job_ended", None)


@pytest.mark.parametrize(("call", "status"), [("cancel", "queued"), ("retry", "failed")])
def test_who_did_it_is_in_the_audit_trail(api, maya, call, status):
    row = JobFactory.create(end_user=maya, status=status)
    api.post(f"{JOBS}/{row.pk}/{call}")
    event = AuditEvent.objects.get(object_id=str(row.pk))
    assert (event.tenant, event.detail) == (row.tenant, {"kind": "extract"})
    assert event.action == {"cancel": "job.cancelled", "retry": "job.retried"}[call]


# --- Of the whole tenant ----------------------------------------------------------------------------------------------


def of_tenant(tenant, **fields):
    return JobFactory.create(tenant=tenant, end_user=None, kind="reindex", **fields)


@pytest.fixture
def admin_api(tenant):
    client = PlainClient()
    client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="boss", scopes=Scope.values)[1])
    return client


@pytest.mark.parametrize(("call", "status"), [("cancel", "queued"), ("retry", "failed")])
def test_it_takes_an_administrator_to_change_a_job_of_the_whole_tenant(api, admin_api, tenant, call, status):
    row = of_tenant(tenant, status=status)
    assert job(api, row)["kind"] == "reindex"
    assert complaint(api.post(f"{JOBS}/{row.pk}/{call}"))[:2] == (403, "insufficient_scope")
    row.refresh_from_db()
    assert row.status == status
    assert admin_api.post(f"{JOBS}/{row.pk}/{call}").status_code == 200


def test_an_end_user_sees_none_of_them(maya_api, tenant):
    row = of_tenant(tenant)
    assert complaint(maya_api.get(f"{JOBS}/{row.pk}"))[0] == 404
    assert ids(maya_api.get(JOBS)) == []


# --- Of others, and of nobody -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("post", "/retry"), ("post", "/cancel")])
def test_a_job_of_others_is_not_found(other_api, ben_api, failed, method, path):
    for stranger in (other_api, ben_api):
        assert complaint(getattr(stranger, method)(f"{JOBS}/{failed.pk}{path}")) == (404, "not_found", None)
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_a_list_is_the_tenants_and_the_users_alone(other_api, ben_api, maya_api, failed):
    assert ids(other_api.get(JOBS)) == ids(ben_api.get(JOBS)) == []
    assert ids(maya_api.get(JOBS)) == [str(failed.pk)]


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("post", "/retry"), ("post", "/cancel")])
@pytest.mark.parametrize("job_id", [str(uuid.UUID(int=1)), "nonsense"])
def test_a_job_of_nobody_is_not_found(api, job_id, method, path):
    assert complaint(getattr(api, method)(f"{JOBS}/{job_id}{path}")) == (404, "not_found", None)
