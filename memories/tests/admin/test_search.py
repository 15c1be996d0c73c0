"""Searching in the admin, under two settings."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from memories.ingest import NewMessage, store
from memories.providers.base import ProviderUnavailable
from memories.providers.mock import MockProvider
from memories.tests.helpers import embed_all
from tenants import isolation
from tenants.tests.admin_pages import text
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import LOGIN

SEARCH = reverse("admin:memories_message_search")
WEIGHTS = {"semantic": 0.5, "lexical": 0.46, "importance": 0.02, "recency": 0.02}


@pytest.fixture(autouse=True)
def _weights(settings):
    settings.MEMORY_RANKING_WEIGHTS = WEIGHTS


@pytest.fixture
def tenant(tenant):
    tenant.ranking_weights = {"recency": 0.125}
    tenant.save()
    return tenant


def told(tenant, *contents, **fields):
    turns = [NewMessage(**{"conversation_id": "c1", "role": "user", "content": one} | fields) for one in contents]
    stored = [one.message for one in store(tenant, turns)]
    embed_all()
    return stored


def setting(name, **changes):
    own = {"is_own": "on"} if not changes else {}
    return {f"{name}-{key}": value for key, value in ({"mode": "hybrid"} | WEIGHTS | own | changes).items()}


def attempt(browser, tenant, query="cat", *, first=None, second=None, **filters):
    given = {"tenant": tenant.pk, "query": query, "top_k": 10, "neighbours": 0}
    return browser.post(
        SEARCH, given | setting("first", **(first or {})) | setting("second", **(second or {})) | filters
    )


def column(response, place):
    return response.context["columns"][place]


def found(response, place=0):
    return [row.hit.message.content for row in column(response, place)["rows"]]


def test_the_page_opens_with_the_weights_of_the_tenant_that_the_address_names(browser, tenant):
    response = browser.get(SEARCH, {"tenant": tenant.pk})
    assert f'value="{tenant.pk}" selected' in text(response)
    first, _ = response.context["settings"]
    assert {slider.name: slider.value() for slider in first.sliders} == WEIGHTS | {"recency": 0.125}


def test_a_slider_can_stand_where_every_weight_does(browser, tenant):
    assert 'step="0.001"' in text(browser.get(SEARCH, {"tenant": tenant.pk}))
    assert 'step="0.01"' in text(browser.get(SEARCH))


def test_every_slider_has_a_label_and_shows_its_number(browser):
    shown = text(browser.get(SEARCH))
    for side in ("first", "second"):
        for name, weight in WEIGHTS.items():
            assert f'<label for="id_{side}-{name}">{name.capitalize()}</label>' in shown
            assert f'<output for="id_{side}-{name}" x-text="shown">{weight}</output>' in shown


def test_both_settings_show_what_they_find_and_how_it_scores(browser, tenant):
    told(tenant, "a cat", "a dog")
    response = attempt(browser, tenant)
    assert found(response, 0)[0] == found(response, 1)[0] == "a cat"
    for row in column(response, 0)["rows"]:
        assert sum(part.share for part in row.parts) == pytest.approx(row.hit.ranked.score)
        assert row.parts[-1].start + row.parts[-1].width == pytest.approx(100 * row.hit.ranked.score)


def test_the_words_are_shown_with_their_rarity(browser, tenant):
    told(tenant, "a cat", "a dog", "<b>dog</b>")
    response = attempt(browser, tenant, query="the cats, dogs and <b>", first={"mode": "semantic"})
    assert column(response, 0)["found"].words == []
    assert "cat (in 1 of 3, rarity 0.98), dog (in 2 of 3, rarity 0.47), b (in 1 of 3, rarity 0.98)" in text(response)


def test_two_settings_differ_and_what_moved_is_marked(browser, tenant):
    told(tenant, "a cat", role="tool")
    told(tenant, "sunshine", importance_override=1.0)
    only_importance = dict.fromkeys(WEIGHTS, 0) | {"importance": 1}
    response = attempt(browser, tenant, mode="semantic", second=only_importance)
    assert (found(response, 0), found(response, 1)) == (["a cat", "sunshine"], ["sunshine", "a cat"])
    assert [row.movement for row in column(response, 1)["rows"]] == ["▲ up 1", "▼ down 1"]


def test_what_only_one_finds_is_marked(browser, tenant):
    told(tenant, "a cat", "a dog")
    response = attempt(browser, tenant, second={"mode": "lexical"})
    assert [row.movement for row in column(response, 0)["rows"]] == ["", "only here"]
    assert [row.movement for row in column(response, 1)["rows"]] == ["same place"]


def test_the_tenants_own_weights_are_used_whatever_the_sliders_said(browser, tenant):
    told(tenant, "a cat")
    response = attempt(browser, tenant, first={"is_own": "on", "semantic": 2})
    assert column(response, 0)["found"].weights == WEIGHTS | {"recency": 0.125}
    assert response.context["settings"][0]["semantic"].value() == "0.5"


def test_filters_reach_the_search(browser, tenant):
    told(tenant, "a cat", conversation_id="c2", user_id="maya")
    told(tenant, "the cat", role="assistant", created_at=datetime(2025, 1, 1, tzinfo=UTC))
    for filters, expected in (
        ({"conversation_id": "c2"}, ["a cat"]),
        ({"user_id": "maya"}, ["a cat"]),
        ({"role": "assistant"}, ["the cat"]),
        ({"since": "2025-06-01T00:00"}, ["a cat"]),
        ({"until": "2025-06-01T00:00"}, ["the cat"]),
        ({"top_k": 1, "role": "user"}, ["a cat"]),
    ):
        assert found(attempt(browser, tenant, **filters)) == expected, filters


def test_turns_around_a_hit_are_shown(browser, tenant):
    told(tenant, "before", "needle", "after", conversation_id="c2")
    shown = text(attempt(browser, tenant, "needle", neighbours=1, first={"mode": "lexical"}))
    assert "user: before" in shown
    assert "user: after" in shown


def test_what_was_said_is_escaped(browser, tenant):
    told(tenant, "cat <script>alert(1)</script>")
    assert "<script>alert" not in text(attempt(browser, tenant, "<script>alert(2)</script> cat"))


def test_messages_of_other_tenants_are_not_found(browser, tenant):
    told(TenantFactory.create(), "a cat")
    assert found(attempt(browser, tenant)) == []


def test_without_the_provider_it_says_degraded(browser, tenant, monkeypatch):
    class Silent(MockProvider):
        def embed_query(self, text):
            raise ProviderUnavailable("nobody there")

    monkeypatch.setattr("memories.admin.search.provider_for", lambda _: Silent())
    assert "Degraded" in text(attempt(browser, tenant))


def test_models_are_waited_for_outside_of_any_scope(browser, tenant, monkeypatch):
    seen = []

    class Looking(MockProvider):
        def embed_query(self, text):
            seen.append(isolation.current_scope().role)
            return super().embed_query(text)

    monkeypatch.setattr("memories.admin.search.provider_for", lambda _: Looking())
    assert attempt(browser, tenant).status_code == 200
    assert set(seen) == {LOGIN}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"query": " "}, "query"), ({"query": "x" * 8001}, "query"),
        ({"top_k": 0}, "top_k"), ({"neighbours": 4}, "neighbours"), ({"conversation_id": "a b"}, "conversation_id"),
        ({"role": "robot"}, "role"), ({"since": "yesterday"}, "since"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_and_nothing_is_searched(browser, tenant, changes, field):
    response = attempt(browser, tenant, **changes)
    assert list(response.context["form"].errors) == [field]
    assert "columns" not in response.context


@pytest.mark.parametrize(
    ("second", "field"),
    [({"semantic": 3}, "semantic"), ({"semantic": ""}, "semantic"), ({"mode": "magic"}, "mode"),
     (dict.fromkeys(WEIGHTS, 0), "__all__")],
)  # fmt: skip
def test_a_bad_setting_is_named(browser, tenant, second, field):
    assert list(attempt(browser, tenant, second=second).context["settings"][1].errors) == [field]


@pytest.mark.parametrize("chosen", ["nonsense", ""])
def test_an_address_that_names_no_tenant_chooses_none(browser, tenant, chosen):
    shown = text(browser.get(SEARCH, {"tenant": chosen}))
    assert f'value="{tenant.pk}"' not in shown
    assert "nonsense" not in shown


def test_a_tenant_is_needed(browser, tenant):
    tenant.pk = "nonsense"
    assert list(attempt(browser, tenant).context["form"].errors) == ["tenant"]


def clerk(client, users, permission):
    who = users.objects.create_user("clerk", is_staff=True)
    who.user_permissions.set(Permission.objects.filter(codename=permission))
    client.force_login(who)
    return client


def test_who_may_look_at_messages_may_search_them(client, tenant, django_user_model):
    told(tenant, "a cat")
    assert found(attempt(clerk(client, django_user_model, "view_message"), tenant)) == ["a cat"]


@pytest.mark.parametrize("permission", [None, "view_fact"])
def test_who_may_not_stays_out(client, tenant, django_user_model, permission):
    client = clerk(client, django_user_model, permission)
    assert client.get(SEARCH).status_code == attempt(client, tenant).status_code == 403
