"""A conversation's page: its turns in order, a page at a time."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from memories.admin import transcript
from memories.models import FactSource
from memories.tests.factories import ConversationFactory, FactFactory, MessageFactory
from tenants.tests.admin_pages import page, queries, text
from tenants.tests.factories import EndUserFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def talk(tenant):
    return ConversationFactory.create(tenant=tenant)


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch):
    monkeypatch.setattr(transcript, "TURNS", 3)


def said(talk, count, *, same_time=False, **given):
    """Turns that say their number."""
    step = timedelta() if same_time else timedelta(seconds=1)
    return [
        MessageFactory.create(conversation=talk, content=f"turn {n}.", created_at=NOW + n * step, **given)
        for n in range(count)
    ]


def shown(browser, talk, query=""):
    """The numbers of the turns, and the ways on: where each link of a page leads."""
    content = text(browser.get(f"{page(talk)}?{query}"))
    ways = dict(re.findall(r'href="\?([^"#]*)#transcript">([A-Za-z ]+)<', content))
    return [int(n) for n in re.findall(r"turn (\d+)\.", content)], {name: query for query, name in ways.items()}


@pytest.mark.parametrize("same_time", [False, True])
def test_all_turns_are_met_on_the_way_later_and_back(browser, talk, same_time):
    said(talk, 8, same_time=same_time)
    seen, query = [], ""
    while True:
        numbers, ways = shown(browser, talk, query)
        seen.append(numbers)
        if "Later" not in ways:
            break
        query = ways["Later"]
    assert seen == [[0, 1, 2], [3, 4, 5], [6, 7]]
    back = shown(browser, talk, ways["Earlier"])
    assert (back[0], set(back[1])) == ([3, 4, 5], {"From the beginning", "Earlier", "Later", "Latest"})


def test_the_latest_page_ends_with_the_last_turn(browser, talk):
    said(talk, 8)
    numbers, ways = shown(browser, talk, "latest=1")
    assert (numbers, set(ways)) == ([5, 6, 7], {"From the beginning", "Earlier"})


def test_a_short_conversation_has_one_page(browser, talk):
    said(talk, 3)
    assert shown(browser, talk) == ([0, 1, 2], {})


@pytest.mark.parametrize("query", ["after=nonsense", "before=00000000-0000-7000-8000-000000000000", "at="])
def test_an_address_that_names_no_turn_shows_the_first(browser, talk, query):
    said(talk, 2)
    assert shown(browser, talk, query)[0] == [0, 1]


def test_a_turn_of_another_conversation_is_not_gone_to(browser, talk):
    said(talk, 2)
    elsewhere = MessageFactory.create(created_at=NOW + timedelta(seconds=1))
    assert shown(browser, talk, f"after={elsewhere.pk}")[0] == [0, 1]


def test_a_messages_page_leads_to_where_it_stands(browser, talk):
    messages = said(talk, 8)
    [address] = re.findall(
        rf'href="({page(talk)}\?at=[^"#]*)#turn-{messages[5].pk}"', text(browser.get(page(messages[5])))
    )
    content = text(browser.get(address))
    assert re.findall(r"turn (\d+)\.", content) == ["5", "6", "7"]
    assert f'id="turn-{messages[5].pk}"' in content


def test_roles_are_told_apart_by_name_and_look(browser, talk):
    maya = EndUserFactory.create(tenant=talk.tenant, external_id="maya")
    MessageFactory.create(conversation=talk, role="user", end_user=maya)
    MessageFactory.create(conversation=talk, role="tool")
    content = text(browser.get(page(talk)))
    assert 'class="turn turn-user"' in content
    assert "user: maya</strong>" in content
    assert 'class="turn turn-tool"' in content


def test_archived_turns_are_marked(browser, talk):
    said(talk, 1, archived_at=NOW)
    assert f"archived {NOW:%Y-%m-%d}" in text(browser.get(page(talk)))


def test_facts_stand_below_the_turn_they_came_from(browser, talk):
    [turn] = said(talk, 1)
    fact = FactFactory.create(end_user__tenant=talk.tenant, content="Lives in Austin.")
    FactSource.objects.create(tenant=talk.tenant, fact=fact, message_id=turn.pk)
    content = text(browser.get(page(talk)))
    assert f'<a class="text-link" href="{page(fact)}">Lives in Austin.</a> (holds)' in content


def test_who_may_not_look_at_messages_reads_none(viewer, talk):
    said(talk, 1)
    content = text(viewer.get(page(talk)))
    assert "turn 0." not in content
    assert "shown to those who may look at messages" in content


def test_more_turns_take_no_more_queries(browser, talk):
    said(talk, 2)
    few = queries(browser, page(talk))
    said(talk, 20)
    assert queries(browser, page(talk)) == few
