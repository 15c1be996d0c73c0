"""Runs over the API, and what they may not touch."""

import pytest
from django.utils import timezone

from memories.models import Message
from memories.tests.api.calls import complaint, ids
from memories.tests.factories import ConversationFactory
from retention import runs
from retention.models import Run
from retention.tests.factories import aged

RUN, EXECUTE, RUNS, HOLDS = (
    "/v1/admin/retention/run",
    "/v1/retention/execute",
    "/v1/retention/runs",
    "/v1/retention/holds",
)


@pytest.fixture
def old(conversation) -> list[Message]:
    return [aged(31 + n, conversation=conversation) for n in range(3)]


def test_a_run_says_what_it_did(admin_api, tenant, old) -> None:
    answer = admin_api.post(RUN, {"tenant_id": tenant.slug, "actions": ["archive", "delete"], "dry_run": False})
    assert answer.status_code == 200
    body = answer.json()
    assert body == {
        "run_id": str(Run.objects.get().pk),
        "status": "completed",
        "dry_run": False,
        "archived": 3,
        "deleted": 0,
        "moved_to_cold_storage": 0,
    }
    assert ids(admin_api.get("/v1/messages")) == []


def test_a_dry_run_says_what_would_happen(admin_api, old) -> None:
    body = admin_api.post(RUN, {"dry_run": True}).json()
    assert (body["archived"], body["dry_run"]) == (3, True)
    assert len(ids(admin_api.get("/v1/messages"))) == 3


def test_without_a_word_the_policy_decides(admin_api, old) -> None:
    admin_api.put("/v1/retention/policy", {"mode": "dry_run"})
    assert admin_api.post(RUN, {}).json()["dry_run"] is True


def test_a_run_is_shown_with_its_plan(admin_api, old) -> None:
    run = admin_api.post(EXECUTE, {}).json()
    assert (run["status"], run["progress"], run["trigger"]) == ("completed", 1.0, "api")
    (planned,) = run["planned"]
    assert (planned["action"], planned["count"]) == ("archive", 3)
    assert [one["message_id"] for one in run["sample"]] == [str(one.pk) for one in reversed(old)]
    assert admin_api.get(f"{RUNS}/{run['id']}").json() == run
    assert admin_api.get(RUNS).json()["items"] == [run]


def test_what_the_deadline_cuts_off_a_worker_does(admin_api, old, settings, monkeypatch) -> None:
    monkeypatch.setattr(runs, "BATCHES", dict.fromkeys(runs.BATCHES, 1))
    settings.MEMORY_REQUEST_TIMEOUT_SECONDS = 0.0
    answer = admin_api.post(RUN, {})
    assert (answer.status_code, answer.json()["status"], answer.json()["archived"]) == (202, "running", 3)
    run = Run.objects.get()
    assert run.archived == 1
    runs.execute(run)
    assert admin_api.get(f"{RUNS}/{run.pk}").json()["archived"] == 3


def test_a_second_run_meanwhile_is_refused(admin_api, tenant, old) -> None:
    runs.begin(tenant, trigger=Run.Trigger.API)
    assert complaint(admin_api.post(RUN, {})) == (409, "run_in_progress", None)


def test_a_run_can_be_cancelled(admin_api, tenant, old) -> None:
    run = runs.begin(tenant, trigger=Run.Trigger.API)
    assert admin_api.post(f"{RUNS}/{run.pk}/cancel").json()["status"] == "cancelled"
    assert admin_api.post(f"{RUNS}/{run.pk}/cancel").json()["status"] == "cancelled"


def test_one_idempotency_key_runs_once(admin_api, old) -> None:
    answers = [admin_api.post(RUN, {}, headers={"Idempotency-Key": "k"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    "body", [{"actions": []}, {"actions": ["burn"]}, {"dry_run": "yes"}, {"force": True}, {"actions": "archive"}]
)
def test_a_bad_request_runs_nothing(admin_api, old, body) -> None:
    assert complaint(admin_api.post(RUN, body))[0] == 400
    assert not Run.objects.exists()


def test_an_unknown_tenant_is_not_made_by_a_run(operator_api) -> None:
    assert complaint(operator_api.post(RUN, {"tenant_id": "nobody"})) == (404, "tenant_not_found", None)


@pytest.mark.parametrize("path", [RUN, EXECUTE, HOLDS])
def test_an_ordinary_key_is_not_enough(api, path: str) -> None:
    assert complaint(api.post(path, {})) == (403, "insufficient_scope", None)


def test_runs_of_another_tenant_are_not_there(other_admin_api, tenant, old) -> None:
    run = runs.begin(tenant, trigger=Run.Trigger.API)
    assert other_admin_api.get(f"{RUNS}/{run.pk}").status_code == 404
    assert other_admin_api.post(f"{RUNS}/{run.pk}/cancel").status_code == 404
    assert other_admin_api.get(RUNS).json()["items"] == []


# --- Holds --------------------------------------------------------------------------------------------------------


def test_a_hold_keeps_a_conversation_and_is_released(admin_api, old) -> None:
    hold = admin_api.post(HOLDS, {"conversation_id": "talk", "reason": "case 7"})
    assert hold.status_code == 201
    assert admin_api.post(RUN, {}).json()["archived"] == 0
    assert admin_api.delete(f"{HOLDS}/{hold.json()['id']}").status_code == 204
    assert admin_api.post(RUN, {}).json()["archived"] == 3


def test_a_hold_is_placed_once(admin_api, old) -> None:
    first, again = (admin_api.post(HOLDS, {"conversation_id": "talk"}) for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())


def test_holds_are_listed_with_what_they_are_on(admin_api, old) -> None:
    admin_api.post(HOLDS, {"kind": "pin", "message_id": str(old[0].pk)})
    (hold,) = admin_api.get(HOLDS).json()["items"]
    assert (hold["kind"], hold["message_id"], hold["conversation_id"]) == ("pin", str(old[0].pk), None)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "pin"},
        {"kind": "pin", "conversation_id": "talk"},
        {"conversation_id": "talk", "user_id": "u"},
        {"kind": "nail", "conversation_id": "talk"},
    ],
)
def test_a_bad_hold_is_refused(admin_api, conversation, body) -> None:
    assert complaint(admin_api.post(HOLDS, body))[0] == 400


@pytest.mark.parametrize("body", [{"conversation_id": "nothing"}, {"user_id": "nobody"}])
def test_a_hold_on_what_is_not_there_is_refused(admin_api, body) -> None:
    assert complaint(admin_api.post(HOLDS, body)) == (404, "not_found", None)


def test_nobody_deletes_or_changes_what_a_legal_hold_is_on(admin_api, old) -> None:
    admin_api.post(HOLDS, {"conversation_id": "talk"})
    path = f"/v1/messages/{old[0].pk}"
    refused = [
        admin_api.delete(path),
        admin_api.patch(path, {"content": "something else"}),
        admin_api.patch(path, {"archived": True}),
        admin_api.delete("/v1/conversations/talk"),
        admin_api.post("/v1/messages/batch/delete", {"message_ids": [str(old[0].pk)]}),
    ]
    assert [complaint(one)[:2] for one in refused] == [(409, "legal_hold")] * 5
    assert Message.objects.count() == 3


def test_a_pin_keeps_retention_alone(admin_api, old) -> None:
    admin_api.post(HOLDS, {"kind": "pin", "message_id": str(old[0].pk)})
    assert admin_api.post(RUN, {}).json()["archived"] == 2
    assert admin_api.delete(f"/v1/messages/{old[0].pk}").status_code == 204


def test_holds_of_another_tenant_keep_nothing(admin_api, other_admin_api, old) -> None:
    hold = other_admin_api.post(HOLDS, {}).json()
    assert admin_api.post(RUN, {}).json()["archived"] == 3
    assert admin_api.delete(f"{HOLDS}/{hold['id']}").status_code == 404


def test_a_hold_on_the_tenant_keeps_everything(admin_api, tenant, old) -> None:
    aged(99, conversation=ConversationFactory.create(tenant=tenant), archived_at=timezone.now())
    admin_api.post(HOLDS, {})
    assert admin_api.post(RUN, {}).json()["archived"] == 0
