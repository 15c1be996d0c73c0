"""Facts as an operator sees them: found, corrected, removed."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from memories.models import Fact, FactSource, Message
from memories.tests.factories import FactFactory, MessageFactory
from memories.vocabulary import Standing
from tenants.models import AuditEvent
from tenants.tests.admin_pages import act, complaints, listed, listing, page, queries, text
from tenants.tests.factories import EndUserFactory

FACT = "memories_fact"
SCRIPT = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
STANDING_OF_HIDDEN = [Standing.REMOVED, Standing.CORRECTED, Standing.MERGED]


@pytest.fixture
def fact(ann):
    return FactFactory.create(end_user=ann, slot="location", category="biographical", content="Lives in Huston.")


def form(fact, **changed):
    """What the page of `fact` sends back."""
    since = fact.valid_from
    fields = {
        "content": fact.content,
        "category": fact.category,
        "slot": fact.slot or "",
        "temporal_state": fact.temporal_state,
        "valid_from_0": f"{since:%Y-%m-%d}",
        "valid_from_1": f"{since:%H:%M:%S}",
        "valid_until_0": "",
        "valid_until_1": "",
    }
    return fields | changed


def cited(fact, message_id):
    FactSource.objects.create(tenant=fact.tenant, fact=fact, message_id=message_id)


# --- List -------------------------------------------------------------------------------------------------------------


def test_thirty_facts_take_as_many_queries_as_three(browser):
    FactFactory.create_batch(3)
    few = queries(browser, listing(FACT))
    FactFactory.create_batch(27)
    assert queries(browser, listing(FACT)) == few


def test_nothing_is_added_by_hand(browser):
    assert browser.get(reverse("admin:memories_fact_add")).status_code == 403


@pytest.mark.parametrize("term", ["huston", "ann", "{pk}", "{end_user}"])
def test_a_fact_is_found_by_words_and_ids(browser, fact, term):
    FactFactory.create()
    assert listed(browser, listing(FACT), q=term.format(pk=fact.pk, end_user=fact.end_user_id)) == [fact]


def test_part_of_an_id_finds_nothing(browser, fact):
    assert listed(browser, listing(FACT), q="an") == []


@pytest.mark.parametrize("term", ["'; --", "\x00", "100%", " "])
def test_other_terms_do_no_harm(browser, fact, term):
    assert browser.get(listing(FACT), {"q": term}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"category__exact": "biographical"},
        {"slot__exact": "location"},
        {"standing__exact": "superseded"},
        {"is_essential__exact": "1"},
        {"tenant__id__exact": "{tenant}"},
        {"end_user__id__exact": "{end_user}"},
    ],
)
def test_facts_are_filtered(browser, fact, query):
    Fact.objects.filter(pk=fact.pk).update(standing="superseded", is_essential=True)
    FactFactory.create()
    values = {name: value.format(tenant=fact.tenant_id, end_user=fact.end_user_id) for name, value in query.items()}
    assert listed(browser, listing(FACT), **values) == [fact]


def test_the_list_shows_how_sure_a_fact_is_now(browser, fact):
    Fact.objects.update(last_refreshed_at=timezone.now() - timedelta(days=31))
    assert "0.81" in text(browser.get(listing(FACT)))


# --- Its page ---------------------------------------------------------------------------------------------------------


def test_a_page_quotes_the_turn_that_the_fact_came_from(browser, fact):
    message = MessageFactory.create(conversation__tenant=fact.tenant, content=f"I live in Huston {SCRIPT}")
    cited(fact, message.pk)
    shown = text(browser.get(page(fact)))
    assert f"I live in Huston {ESCAPED}" in shown
    assert page(message) in shown
    assert SCRIPT not in shown


def test_a_page_says_which_turn_was_deleted(browser, fact):
    message = MessageFactory.create(conversation__tenant=fact.tenant)
    cited(fact, message.pk)
    Message.objects.filter(pk=message.pk).delete()
    assert f'Deleted: <span class="key">{message.pk}</span>' in text(browser.get(page(fact)))


def test_who_may_not_look_at_messages_reads_no_turn(viewer, fact):
    cited(fact, MessageFactory.create(conversation__tenant=fact.tenant, content="I live in Huston").pk)
    assert "I live in Huston" not in text(viewer.get(page(fact)))


def test_a_page_leads_to_what_replaced_the_fact_and_what_it_replaced(browser, fact, ann):
    old, other = FactFactory.create(end_user=ann), FactFactory.create()
    Fact.objects.filter(pk=old.pk).update(standing="superseded", replaced_by=fact)
    assert page(old) in text(browser.get(page(fact)))
    assert page(fact) in text(browser.get(page(old)))
    assert page(other) not in text(browser.get(page(fact)))


# --- Correcting -------------------------------------------------------------------------------------------------------


def test_a_correction_is_stored_and_certain(browser, fact):
    browser.post(page(fact), form(fact, content="Lives in Houston.", category="work_context"))
    fact.refresh_from_db()
    assert (fact.content, fact.category, fact.confidence) == ("Lives in Houston.", "work_context", 1.0)
    assert Fact.objects.get(standing=Standing.CORRECTED).content == "Lives in Huston."


def test_a_correction_takes_the_slot_of_what_held_it(browser, fact, ann):
    friend = FactFactory.create(end_user=ann, slot="friend", content="Lives in Austin.")
    browser.post(page(friend), form(friend, slot="location"))
    fact.refresh_from_db()
    assert (fact.standing, fact.replaced_by) == (Standing.SUPERSEDED, friend)


def test_saving_without_a_change_makes_nothing_certain(browser, fact):
    browser.post(page(fact), form(fact))
    fact.refresh_from_db()
    assert fact.confidence == pytest.approx(0.9)


def test_a_fact_does_not_end_before_it_begins(browser, fact):
    response = browser.post(page(fact), form(fact, valid_until_0="2001-01-01", valid_until_1="00:00:00"))
    assert complaints(response) == {"valid_until": ["It cannot end before it begins."]}


def test_a_correction_is_in_the_trails_without_the_words(browser, fact):
    browser.post(page(fact), form(fact, content="Lives in Houston."))
    event = AuditEvent.objects.get(action="admin.changed")
    assert (event.tenant, event.object_id, event.detail) == (fact.tenant, str(fact.pk), {"fields": ["Content"]})
    entry = LogEntry.objects.get()
    assert not any(word in f"{entry.object_repr} {entry.change_message}" for word in ("Huston", "Houston"))


@pytest.mark.parametrize("standing", STANDING_OF_HIDDEN)
def test_what_was_taken_away_stays_as_it_is(browser, fact, standing):
    Fact.objects.update(standing=standing)
    assert browser.post(page(fact), form(fact, content="Lives in Houston.")).status_code == 403
    assert browser.get(page(fact)).context["buttons"] == []


def test_a_viewer_corrects_and_removes_nothing(viewer, fact):
    assert viewer.post(page(fact), form(fact, content="Lives in Houston.")).status_code == 403
    act(viewer, FACT, "remove", fact, confirmed="yes")
    fact.refresh_from_db()
    assert (fact.content, fact.standing) == ("Lives in Huston.", Standing.HOLDS)


# --- Removing ---------------------------------------------------------------------------------------------------------


def test_removing_asks_first(browser, fact):
    assert "Remove these facts?" in act(browser, FACT, "remove", fact)
    assert Fact.objects.current().exists()


def test_removed_facts_are_told_to_nobody(browser, fact):
    other = FactFactory.create(end_user=EndUserFactory.create())
    kept = FactFactory.create()
    assert "Facts removed: 2." in act(browser, FACT, "remove", fact, other, confirmed="yes")
    assert list(Fact.objects.told()) == [kept]
    assert set(AuditEvent.objects.filter(action="admin.removed").values_list("tenant", "object_id")) == {
        (one.tenant_id, str(one.pk)) for one in (fact, other)
    }


def test_too_many_at_once_are_not_removed(browser, monkeypatch):
    monkeypatch.setattr("memories.admin.facts.AT_ONCE", 2)
    facts = FactFactory.create_batch(3)
    assert "At most 2 at once" in act(browser, FACT, "remove", *facts, confirmed="yes")
    assert Fact.objects.told().count() == 3


def test_a_fact_is_not_deleted_by_hand(browser, fact):
    assert browser.post(reverse("admin:memories_fact_delete", args=[fact.pk]), {"post": "yes"}).status_code == 403
