"""What a key of one end user may do, over every call that touches stored conversation: that user's rows, no others."""

import pytest

from tenants import keys
from tenants.models import EndUser
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import PlainClient

pytestmark = pytest.mark.django_db
MESSAGES, CONVERSATIONS, SEARCH = "/v1/messages", "/v1/conversations", "/v1/memory/search"
NEW = {"conversation_id": "talk", "role": "user", "content": "Cashews make me sneeze"}


@pytest.fixture
def user_api(tenant):
    """Makes a client with a key of this end user, who comes into being with it."""

    def make(name: str) -> PlainClient:
        end_user = EndUser.objects.filter(tenant=tenant, external_id=name).first() or EndUserFactory.create(
            tenant=tenant, external_id=name
        )
        client = PlainClient()
        client.credentials(HTTP_X_API_KEY=keys.issue(tenant, name="app", end_user=end_user)[1])
        return client

    return make


@pytest.fixture
def ann(user_api):
    return user_api("ann")


@pytest.fixture
def bob(user_api):
    return user_api("bob")


def stored(client, **changes):
    response = client.post(MESSAGES, NEW | changes)
    assert response.status_code == 202, response.content
    return response.json()


def complaint(response):
    return response.status_code, response.json()["errors"][0]["code"]


def contents(response):
    assert response.status_code == 200, response.content
    return sorted(item["content"] for item in response.json()["items"])


@pytest.fixture
def theirs(ann, bob, api):
    """What Bob and nobody in particular said, beside one message of Ann's."""
    stored(ann, conversation_id="anns", content="Ann on cashews")
    stored(api, conversation_id="nobodys", content="Nobody on cashews")
    return stored(bob, conversation_id="bobs", content="Bob on cashews")


# --- Writes ---------------------------------------------------------------------------------------------------------


def test_a_message_is_its_users_without_saying_so(ann):
    assert stored(ann)["user_id"] == "ann"


@pytest.mark.parametrize("by", ["external_id", "pk"])
def test_a_user_may_name_themselves_by_either_id(ann, by):
    assert stored(ann, user_id=str(getattr(EndUser.objects.get(), by)))["user_id"] == "ann"


@pytest.mark.parametrize("whose", ["bob", "nobody-yet"])
@pytest.mark.parametrize("path", [MESSAGES, f"{MESSAGES}/batch"])
def test_a_user_writes_for_nobody_else(ann, bob, api, whose, path):
    new = NEW | {"user_id": whose}
    body = {"messages": [new]} if path.endswith("batch") else new
    assert complaint(ann.post(path, body)) == (403, "permission_denied")
    assert contents(api.get(MESSAGES)) == []
    assert not EndUser.objects.filter(external_id="nobody-yet").exists()


def test_a_batch_is_its_users_too(ann):
    (created,) = ann.post(f"{MESSAGES}/batch", {"messages": [NEW]}).json()["created"]
    assert created["user_id"] == "ann"


@pytest.mark.parametrize("conversation", ["bobs", "nobodys"])
@pytest.mark.parametrize("path", [MESSAGES, f"{MESSAGES}/batch"])
def test_a_conversation_of_others_is_taken(ann, api, theirs, conversation, path):
    new = NEW | {"conversation_id": conversation}
    body = {"messages": [new]} if path.endswith("batch") else new
    assert complaint(ann.post(path, body)) == (409, "conversation_id_taken")
    assert len(contents(api.get(MESSAGES))) == 3


def test_an_external_id_of_others_is_taken(ann, bob):
    stored(bob, conversation_id="bobs", external_id="turn-1")
    assert complaint(ann.post(MESSAGES, NEW | {"external_id": "turn-1"})) == (409, "external_id_taken")


def test_a_conversation_that_a_user_begins_is_theirs(ann, bob):
    assert ann.post(CONVERSATIONS, {"conversation_id": "plans"}).status_code == 201
    assert ann.get(f"{CONVERSATIONS}/plans").status_code == 200
    assert bob.get(f"{CONVERSATIONS}/plans").status_code == 404
    assert bob.post(CONVERSATIONS, {"conversation_id": "plans"}).status_code == 409


# --- Reads ----------------------------------------------------------------------------------------------------------


def test_a_list_of_messages_holds_ones_own(ann, theirs):
    assert contents(ann.get(MESSAGES)) == ["Ann on cashews"]


@pytest.mark.parametrize(
    "query", [{"user_id": "bob"}, {"conversation_id": "bobs"}, {"conversation_id": "nobodys"}], ids=str
)
def test_no_filter_leads_to_others(ann, theirs, query):
    assert contents(ann.get(MESSAGES, query)) == []
    assert contents(ann.get(SEARCH, {"query": "cashews"} | query)) == []
    assert contents(ann.post(SEARCH, {"query": "cashews"} | query)) == []


def test_a_search_finds_ones_own(ann, theirs):
    wanted = {"query": "cashews", "neighbours": 3, "include_archived": "true"}
    assert contents(ann.get(SEARCH, wanted)) == ["Ann on cashews"]
    assert contents(ann.post(SEARCH, wanted | {"include_archived": True})) == ["Ann on cashews"]


def test_a_search_that_another_asked_before_shows_ones_own(ann, bob, api, theirs):
    wanted = {"query": "cashews"}
    assert len(contents(api.get(SEARCH, wanted))) == 3
    assert contents(bob.get(SEARCH, wanted)) == ["Bob on cashews"]
    assert contents(ann.get(SEARCH, wanted)) == ["Ann on cashews"]
    assert len(contents(api.get(SEARCH, wanted))) == 3


def test_a_search_says_nothing_of_what_another_found_with_it(ann, api, theirs):
    of_bob = {"query": "cashews", "user_id": "bob", "explain": "true"}
    assert api.get(SEARCH, of_bob).json()["explain"]["total"] == 1
    assert ann.get(SEARCH, of_bob).json()["explain"]["total"] == 0


def test_a_list_of_conversations_holds_ones_own(ann, theirs):
    assert [one["conversation_id"] for one in ann.get(CONVERSATIONS).json()["items"]] == ["anns"]


def test_ones_own_rows_are_read_changed_and_deleted(ann):
    address = f"{MESSAGES}/{stored(ann)['id']}"
    assert ann.get(address).status_code == 200
    assert ann.patch(address, {"content": "Walnuts too"}).json()["content"] == "Walnuts too"
    assert ann.get(f"{CONVERSATIONS}/talk/stats").json()["message_count"] == 1
    assert contents(ann.get(f"{CONVERSATIONS}/talk/messages")) == ["Walnuts too"]
    assert ann.patch(f"{CONVERSATIONS}/talk", {"title": "Nuts"}).json()["title"] == "Nuts"
    assert ann.delete(address).status_code == 204
    assert ann.delete(f"{CONVERSATIONS}/talk").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("get", f"{MESSAGES}/{{id}}", None),
        ("put", f"{MESSAGES}/{{id}}", {"content": "changed"}),
        ("patch", f"{MESSAGES}/{{id}}", {"archived": True}),
        ("delete", f"{MESSAGES}/{{id}}", None),
        ("get", f"{CONVERSATIONS}/bobs", None),
        ("put", f"{CONVERSATIONS}/bobs", {"title": "changed"}),
        ("patch", f"{CONVERSATIONS}/bobs", {"title": "changed"}),
        ("delete", f"{CONVERSATIONS}/bobs", None),
        ("get", f"{CONVERSATIONS}/bobs/messages", None),
        ("get", f"{CONVERSATIONS}/bobs/stats", None),
        ("get", f"{CONVERSATIONS}/nobodys", None),
        ("get", f"{CONVERSATIONS}/nobodys/messages", None),
    ],
)
def test_rows_of_others_are_not_found(ann, api, theirs, method, path, body):
    assert complaint(getattr(ann, method)(path.format(**theirs), body)) == (404, "not_found")
    assert len(contents(api.get(MESSAGES))) == 3


@pytest.mark.parametrize(
    ("path", "body"), [("update", {"updates": [{"message_id": "ID", "update": {"content": "changed"}}]}),
        ("delete", {"message_ids": ["ID"]})],
)  # fmt: skip
def test_no_batch_reaches_others(ann, api, theirs, path, body):
    whole = str(body).replace("ID", theirs["id"]).replace("'", '"')
    response = ann.generic("POST", f"{MESSAGES}/batch/{path}", whole, content_type="application/json")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (207, "not_found")
    assert "Bob on cashews" in contents(api.get(MESSAGES))


# --- Beside rows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/api-keys", "/v1/audit", "/v1/api-keys?user_id=ann"])
def test_what_takes_an_admin_is_closed(ann, path):
    assert complaint(ann.get(path)) == (403, "insufficient_scope")


@pytest.mark.parametrize("slug", ["another", "default"])
def test_another_tenant_is_closed(ann, slug):
    assert complaint(ann.get(f"{MESSAGES}?tenant_id={slug}")) == (403, "permission_denied")


def test_each_user_has_idempotency_keys_of_their_own(ann, bob, api):
    clients = {"anns": ann, "bobs": bob, "nobodys": api}
    first = {
        one: clients[one].post(MESSAGES, NEW | {"conversation_id": one}, headers={"Idempotency-Key": "k"})
        for one in clients
    }
    assert len({response.json()["id"] for response in first.values()}) == 3
    for one, client in clients.items():
        again = client.post(MESSAGES, NEW | {"conversation_id": one}, headers={"Idempotency-Key": "k"})
        assert again.json()["id"] == first[one].json()["id"]


def test_two_keys_of_a_user_open_the_same(ann, user_api):
    stored(ann)
    assert len(contents(user_api("ann").get(MESSAGES))) == 1
