"""What a text would yield, tried by an operator."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from memories.models import Fact, TokenSpend
from memories.providers.base import MalformedAnswer
from memories.tests.factories import FactFactory
from memories.tests.facts.flows import USAGE, WillfulReader, failing
from tenants import isolation
from tenants.models import Tenant
from tenants.tests.admin_pages import text
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import LOGIN

PLAYGROUND = reverse("admin:memories_fact_playground")


def attempt(browser, tenant, words, end_user=None):
    data = {"tenant": tenant.pk, "end_user": end_user.pk if end_user else "", "text": words}
    return browser.post(PLAYGROUND, data)


def consequences(response):
    return [line for _, lines in response.context["statements"] for line in lines]


def rows():
    """How many rows each table has."""
    return {model: model._base_manager.count() for model in apps.get_models()}


class Unsure(WillfulReader):
    """The rules, which are not sure of anything that they read."""

    def read(self, turns):
        done = super().read(turns)
        return replace(done, candidates=[replace(one, confidence=0.6) for one in done.candidates])


def use(monkeypatch, reader):
    monkeypatch.setattr("memories.admin.playground.reader", lambda: reader)


@pytest.fixture
def austin(ann):
    ago = timezone.now() - timedelta(days=1)
    return FactFactory.create(end_user=ann, slot="location", content="Lives in Austin, Texas.", said_at=ago)


def test_the_page_opens_with_whom_the_address_names(browser, tenant, ann):
    response = browser.get(PLAYGROUND, {"tenant": tenant.pk, "end_user": ann.pk})
    assert f'value="{ann.pk}" selected' in text(response)


def test_a_statement_is_shown_in_all_its_parts(browser, tenant):
    shown = text(attempt(browser, tenant, "I live in Dallas."))
    for part in ("Lives in Dallas.", "Biographical · Location · Current", "“I live in Dallas”", "Is a new fact."):
        assert part in shown


def test_it_says_what_would_be_superseded(browser, tenant, ann, austin):
    assert consequences(attempt(browser, tenant, "I moved to Dallas.", ann)) == ["Supersedes: Lives in Austin, Texas."]


@pytest.mark.parametrize(
    ("words", "consequence"),
    [
        ("I live in Austin, Texas.", "Was known, and is now sure to 0.90: Lives in Austin, Texas."),
        ("I don't live in Austin anymore.", "Ends: Lives in Austin, Texas."),
    ],
)
def test_it_says_what_would_come_of_what_is_known(browser, tenant, ann, austin, words, consequence):
    assert consequences(attempt(browser, tenant, words, ann)) == [consequence]


def test_it_says_what_a_person_removed(browser, tenant, ann, austin):
    Fact.objects.update(standing="removed")
    response = attempt(browser, tenant, "I live in Austin, Texas.", ann)
    assert consequences(response) == ["Is dropped: a person removed this before."]


def test_what_is_less_certain_is_kept_aside(browser, tenant, ann, austin, monkeypatch):
    use(monkeypatch, Unsure())
    response = attempt(browser, tenant, "I moved to Dallas.", ann)
    assert consequences(response) == ["Is kept aside, not accepted: what holds is more certain."]


def test_the_decisions_within_a_text_refer_to_each_other(browser, tenant):
    response = attempt(browser, tenant, "I live in Austin. I live in Dallas.")
    assert consequences(response) == ["Is a new fact.", "Supersedes: Lives in Austin."]


def test_a_text_that_states_nothing_yields_nothing(browser, tenant):
    assert "Nothing: it states no fact about the user." in text(attempt(browser, tenant, "Good morning!"))


def test_facts_of_others_play_no_part(browser, tenant, austin):
    somebody = EndUserFactory.create(tenant=tenant)
    assert consequences(attempt(browser, tenant, "I moved to Dallas.", somebody)) == ["Is a new fact."]


def test_what_was_typed_is_escaped(browser, tenant):
    assert "<script>alert" not in text(attempt(browser, tenant, "I live in <script>alert(1)</script>."))


# --- Nothing is saved -------------------------------------------------------------------------------------------------


def test_no_row_is_written_or_changed(browser, tenant, ann, austin):
    browser.get(PLAYGROUND)
    before, fact = rows(), Fact.objects.values().get()
    attempt(browser, tenant, "I moved to Dallas. I like chess.", ann)
    attempt(browser, tenant, "I moved to Dallas. I like chess.")
    assert (rows(), Fact.objects.values().get()) == (before, fact)


def test_tokens_are_counted_as_the_tenants(browser, tenant, monkeypatch):
    use(monkeypatch, WillfulReader())
    attempt(browser, tenant, "I moved to Dallas.")
    row = TokenSpend.objects.get()
    assert (row.tenant, row.input_tokens, row.output_tokens) == (tenant, USAGE.input_tokens, USAGE.output_tokens)


def test_models_are_waited_for_outside_of_any_scope(browser, tenant, ann, monkeypatch):
    seen = []
    use(monkeypatch, WillfulReader(lambda turns: seen.append(isolation.current_scope().role)))
    assert attempt(browser, tenant, "I moved to Dallas.", ann).status_code == 200
    assert seen == [LOGIN]


# --- What goes wrong --------------------------------------------------------------------------------------------------


def test_an_error_of_the_provider_is_a_sentence_and_its_tokens_count(browser, tenant, monkeypatch):
    error = MalformedAnswer("the model's answer had another shape")
    error.usage = USAGE
    use(monkeypatch, failing(error))
    assert "The model&#x27;s answer had another shape" in text(attempt(browser, tenant, "I moved to Dallas."))
    assert TokenSpend.objects.get().input_tokens == USAGE.input_tokens


def test_a_budget_that_is_spent_is_a_sentence(browser, tenant):
    Tenant.objects.update(daily_token_budget=1)
    today = timezone.now().date()
    TokenSpend.objects.create(tenant=tenant, day=today, model="openai:gpt-test:1", input_tokens=1)
    assert "token budget of the day is spent" in text(attempt(browser, tenant, "I moved to Dallas."))


def test_an_end_user_of_another_tenant_is_refused(browser, tenant):
    response = attempt(browser, tenant, "I moved to Dallas.", EndUserFactory.create())
    assert response.context["form"].errors == {"end_user": ["This end user is not one of the tenant's."]}


@pytest.mark.parametrize("name", ["tenant", "end_user"])
def test_an_address_that_names_nobody_chooses_nobody(browser, name):
    assert "selected>" not in text(browser.get(PLAYGROUND, {name: "nonsense"}))


def test_a_viewer_looks_and_tries_nothing(viewer, tenant):
    assert "Try it" not in text(viewer.get(PLAYGROUND))
    assert attempt(viewer, tenant, "I moved to Dallas.").status_code == 403


def test_who_may_not_look_at_facts_stays_out(client, db, django_user_model):
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert client.get(PLAYGROUND).status_code == 403
