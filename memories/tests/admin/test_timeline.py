"""When facts held, as it is drawn."""

from datetime import UTC, datetime

import pytest
from django.utils.html import strip_tags

from memories.admin.timeline import THINNEST, draw, span
from memories.models import Fact

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def fact(since, until=None, **given):
    usual = {"category": "biographical", "slot": "location", "temporal_state": "current", "content": "Lives there."}
    begins, ends = datetime(since, 1, 1, tzinfo=UTC), datetime(until, 1, 1, tzinfo=UTC) if until else None
    return Fact(**usual | {"said_at": begins, "valid_from": begins, "valid_until": ends} | given)


def bars(*facts):
    return [bar for lane in draw(facts, now=NOW).lanes for bar in lane.bars]


def drawn(*facts):
    return [(bar.look, round(bar.start), round(bar.width)) for bar in bars(*facts)]


def test_a_fact_is_as_wide_as_it_held():
    austin, dallas = fact(2006, 2016, standing="superseded"), fact(2016)
    assert drawn(austin, dallas) == [("superseded", 0, 50), ("current", 50, 50)]


def test_each_slot_has_a_lane_and_each_category_one_for_the_rest():
    facts = [fact(2010, slot=None), fact(2012, slot="hobby"), fact(2009), fact(2011, slot="hobby")]
    lanes = draw(facts, now=NOW).lanes
    assert [lane.title for lane in lanes] == ["Location", "Hobby", "Biographical, no slot"]
    assert [bar.fact.valid_from.year for bar in lanes[1].bars] == [2011, 2012]


@pytest.mark.parametrize(
    ("given", "look"),
    [
        ({"standing": "ended", "until": 2015}, "ended"),
        ({"standing": "not_accepted"}, "not_accepted"),
        ({"until": 2015}, "past"),
        ({"temporal_state": "past"}, "past"),
        ({"temporal_state": "recurring"}, "current"),
        ({"temporal_state": "future"}, "future"),
    ],
)
def test_a_bar_looks_as_the_fact_stands(given, look):
    assert [bar.look for bar in bars(fact(2010, **given))] == [look]


@pytest.mark.parametrize("given", [{"standing": "not_accepted"}, {"temporal_state": "past"}, {"until": 2010}])
def test_what_is_known_of_a_moment_is_thin(given):
    assert bars(fact(2010, **given), fact(2000))[1].width == THINNEST


def test_no_bar_leaves_the_drawing():
    assert all(bar.start + bar.width <= 100 for bar in bars(fact(2010), fact(2026, standing="not_accepted")))


def test_what_is_to_come_lies_beyond_now():
    timeline = draw([fact(2016), fact(2036, temporal_state="future")], now=NOW)
    assert round(timeline.now) == 50
    assert round(timeline.lanes[0].bars[1].start) == 99


def test_facts_of_one_moment_are_drawn_on_a_day():
    assert draw([fact(2026)], now=NOW).ticks[0] == "12-31 00:00"


def test_the_legend_explains_what_is_drawn():
    looks = draw([fact(2010, 2011, standing="ended"), fact(2011)], now=NOW).looks
    assert [look for look, _ in looks] == ["current", "ended"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "since 2010-01-01"),
        ({"until": 2012}, "2010-01-01 – 2012-01-01"),
        ({"until": 2010}, "until 2010-01-01"),
        ({"standing": "not_accepted"}, "said 2010-01-01"),
    ],
)
def test_a_span_is_said_in_days(given, words):
    assert strip_tags(span(fact(2010, **given))) == words
