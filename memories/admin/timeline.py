"""When facts held, drawn: for each slot a bar a fact, in SVG, which needs neither script nor style."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.utils.html import format_html
from django.utils.safestring import SafeString

from memories.models import Fact
from memories.vocabulary import Category, Slot, Standing, TemporalState

SHORTEST = timedelta(days=1)  # of the whole drawing
THINNEST = 1.0  # percent of its width
TICKS = 5
LASTING = (TemporalState.CURRENT, TemporalState.RECURRING)
TICK_FORMATS = ((timedelta(days=3 * 365), "%Y"), (timedelta(days=90), "%b %Y"), (timedelta(days=3), "%Y-%m-%d"))


@dataclass(frozen=True)
class Bar:
    """A fact as drawn: where it begins and how wide it is, both in percent; `look` is a class of admin.css."""

    fact: Fact
    look: str
    start: float
    width: float

    @property
    def span(self) -> SafeString:
        return span(self.fact)


@dataclass(frozen=True)
class Lane:
    title: str
    bars: list[Bar]


@dataclass(frozen=True)
class Timeline:
    lanes: list[Lane]
    ticks: list[str]
    looks: list[tuple[str, str]]
    now: float


LOOKS = {
    "current": "holds",
    "past": "was so, told later",
    "future": "will be so",
    "superseded": "superseded",
    "ended": "ended",
    "not_accepted": "not accepted",
}


def draw(facts: Sequence[Fact], *, now: datetime) -> Timeline:
    """All facts on one scale of time, those of a slot together, oldest first; a lane for each category without one."""
    begin = min((fact.valid_from for fact in facts), default=now)
    end = max([now, *(_end(fact, now) for fact in facts)])
    begin = min(begin, end - SHORTEST)
    lanes = [
        Lane(title, [_bar(fact, begin=begin, end=end, now=now) for fact in group])
        for title, group in groupby(sorted(facts, key=_order), key=_title)
    ]
    shown = {bar.look for lane in lanes for bar in lane.bars}
    looks = [(look, label) for look, label in LOOKS.items() if look in shown]
    return Timeline(lanes, _ticks(begin, end), looks, _percent(now, begin, end))


def _order(fact: Fact) -> tuple[object, ...]:
    place = Slot.values.index(fact.slot) if fact.slot else len(Slot.values) + Category.values.index(fact.category)
    return place, fact.valid_from, fact.said_at, fact.pk


def _title(fact: Fact) -> str:
    return fact.get_slot_display() if fact.slot else f"{fact.get_category_display()}, no slot"


def _end(fact: Fact, now: datetime) -> datetime:
    """When it ceased to be so; what only was or will be said to be so without an end is a moment."""
    if fact.valid_until is not None:
        return fact.valid_until
    lasts = fact.standing == Standing.HOLDS and fact.temporal_state in LASTING
    return max(now, fact.valid_from) if lasts else fact.valid_from


def _bar(fact: Fact, *, begin: datetime, end: datetime, now: datetime) -> Bar:
    left, right = _percent(fact.valid_from, begin, end), _percent(_end(fact, now), begin, end)
    width = max(right - left, THINNEST)
    return Bar(fact, _look(fact, now), min(left, 100 - width), width)


def _look(fact: Fact, now: datetime) -> str:
    if fact.standing != Standing.HOLDS:
        return fact.standing
    if fact.valid_until is not None and fact.valid_until <= now:
        return "past"
    return "current" if fact.temporal_state in LASTING else fact.temporal_state


def _percent(moment: datetime, begin: datetime, end: datetime) -> float:
    return round(100 * ((moment - begin) / (end - begin)), 2)


def _ticks(begin: datetime, end: datetime) -> list[str]:
    form = next((form for least, form in TICK_FORMATS if end - begin >= least), "%m-%d %H:%M")
    step = (end - begin) / (TICKS - 1)
    return [format(begin + step * place, form) for place in range(TICKS)]


def day(moment: datetime) -> SafeString:
    """A day as lists show it, which does not break over two lines."""
    return format_html('<time class="day" datetime="{}">{}</time>', moment.isoformat(), moment.date().isoformat())


def span(fact: Fact) -> SafeString:
    """From when until when it is so, in days."""
    if fact.standing == Standing.NOT_ACCEPTED:
        return format_html("<span>said {}</span>", day(fact.said_at))
    if fact.valid_until == fact.valid_from:
        return format_html("<span>until {}</span>", day(fact.valid_from))
    if fact.valid_until is None:
        return format_html("<span>since {}</span>", day(fact.valid_from))
    return format_html("<span>{} – {}</span>", day(fact.valid_from), day(fact.valid_until))


def star(fact: Fact) -> SafeString:
    """What stands before an essential fact."""
    return format_html('<span class="essential" title="essential">{}</span>', "★ " if fact.is_essential else "")
