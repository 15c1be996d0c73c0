from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.ranking.dates import AFTERMATH, Span, nearness, spans

NOW = datetime(2026, 3, 11, 15, 30, tzinfo=UTC)  # a Wednesday
nows = st.timedeltas(timedelta(days=-365 * 6), timedelta(days=365 * 80)).map(lambda gap: NOW + gap)
moments = st.timedeltas(timedelta(days=-365 * 2020), timedelta(days=365 * 80)).map(lambda gap: NOW + gap)
PIECES = [
    "in", "on", "of", "the", "May", "march", "feb", "31", "29", "1st", "2024", "2023-05-08", "9999-12-31", "2023-02-30",
    "0000-01-01", "last", "this", "past", "week", "weekend", "month", "year", "Friday", "yesterday", "tonight", "999",
    "few", "years", "year", "ago", ",", ".", "0", "00",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join) | st.text(max_size=60)


def days(text: str, *, now: datetime = NOW) -> list[tuple[str, str]]:
    """First and last day of each time that is named."""
    named = spans(text, now=now)
    return [(f"{one.begin:%Y-%m-%d}", f"{one.end - timedelta(days=1):%Y-%m-%d}") for one in named]


@given(texts, nows)
def test_any_text_names_times_that_begin_before_they_end(text: str, now: datetime) -> None:
    assert all(span.begin < span.end for span in spans(text, now=now))


@given(texts, nows, moments)
def test_nearness_is_a_share(text: str, now: datetime, moment: datetime) -> None:
    assert nearness(moment, spans(text, now=now)) in (0.0, AFTERMATH, 1.0)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("what happened on 2023-05-08?", "2023-05-08", "2023-05-08"),
        ("in May 2023", "2023-05-01", "2023-05-31"),
        ("on 8 May, 2023", "2023-05-08", "2023-05-08"),
        ("on the 8th of May 2023", "2023-05-08", "2023-05-08"),
        ("May 8, 2023", "2023-05-08", "2023-05-08"),
        ("in Feb. 2024", "2024-02-01", "2024-02-29"),
        ("where did we go in 2021?", "2021-01-01", "2021-12-31"),
        ("today", "2026-03-11", "2026-03-11"),
        ("yesterday", "2026-03-10", "2026-03-10"),
        ("last week", "2026-03-02", "2026-03-08"),
        ("this week", "2026-03-09", "2026-03-15"),
        ("last Friday", "2026-03-06", "2026-03-06"),
        ("last Wednesday", "2026-03-04", "2026-03-04"),
        ("last weekend", "2026-03-07", "2026-03-08"),
        ("three days ago", "2026-03-08", "2026-03-08"),
    ],
)
def test_a_time_that_is_named(text: str, first: str, last: str) -> None:
    assert days(text) == [(first, last)]


@pytest.mark.parametrize(
    "text",
    [
        "", "it may rain", "we march on", "what did Jan say to June?", "31 June 2023", "2023-02-30", "9999-12-31",
        "room 2023", "a decade ago", "maybe",
    ],
)  # fmt: skip
def test_what_names_no_time(text: str) -> None:
    assert days(text) == []


@pytest.mark.parametrize("year", [2023, 2024, 2025])
def test_without_a_year_it_is_every_year(year: int) -> None:
    (span,) = spans("on 8 May", now=NOW)
    assert span.nearness(datetime(year, 5, 8, 12, tzinfo=UTC)) == 1
    assert span.nearness(datetime(year, 5, 20, tzinfo=UTC)) == 0


def test_the_end_of_a_year_reaches_into_the_next() -> None:
    (span,) = spans("in December", now=NOW)
    assert span.nearness(datetime(2025, 1, 10, tzinfo=UTC)) == AFTERMATH


def test_a_leap_day_is_the_last_of_february_elsewhere() -> None:
    (span,) = spans("on 29 February", now=NOW)
    assert span.nearness(datetime(2025, 2, 28, 12, tzinfo=UTC)) == 1


@pytest.mark.parametrize(("after", "expected"), [(-1, 0.0), (0, 1.0), (23, 1.0), (24, 0.5), (47, 0.5), (48, 0.0)])
def test_soon_after_counts_half(after: int, expected: float) -> None:
    day = Span(datetime(2024, 5, 8, tzinfo=UTC), datetime(2024, 5, 9, tzinfo=UTC))
    assert day.nearness(day.begin + timedelta(hours=after)) == expected


def test_the_nearest_of_several_times_counts() -> None:
    named = spans("in May 2023 or in June 2024", now=NOW)
    assert nearness(datetime(2024, 6, 3, tzinfo=UTC), named) == 1


def test_no_time_is_near_to_nothing() -> None:
    assert nearness(NOW, []) == 0
