"""Times that a query names: "in May 2023", "on 8 May", "last week", "2023-05-08". Pure: text and now in, spans out."""

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MINYEAR, UTC, datetime, timedelta

MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october"]
MONTHS += ["november", "december"]
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "few": 3}
DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
AFTERMATH = 0.5  # what is said soon after a time is often about it

MONTH = rf"(?P<month>{'|'.join(MONTHS)}|{'|'.join(month[:3] for month in MONTHS if month != 'may')})\b\.?"
DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
ANY_YEAR = r"(?:19|20)\d\d"
CALENDAR = re.compile(
    rf"\b(?:(?P<iso>{ANY_YEAR}-\d\d-\d\d)|(?:{DAY} (?:of )?)?{MONTH}(?: (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d))?"
    rf"(?:,? (?:of )?(?P<year>{ANY_YEAR}))?|(?:in|since|during|of|from|year) (?P<only_year>{ANY_YEAR}))\b",
    re.IGNORECASE,
)
RELATIVE = re.compile(
    r"\b(?:(?P<named>today|tonight|yesterday)"
    rf"|(?P<which>last|this|past) (?P<unit>week|month|year|weekend|{'|'.join(WEEKDAYS)})"
    rf"|(?P<count>\d{{1,3}}|{'|'.join(NUMBERS)}) (?P<ago>day|week|month|year)s? ago)\b",
    re.IGNORECASE,
)
AMBIGUOUS = ("may", "march", "mar", "jan", "april", "june")  # also verbs and first names
EITHER = f"(?:{'|'.join(AMBIGUOUS)})"
SURELY_A_MONTH = re.compile(
    rf"\b(?:in|on|of|since|during|until|before|after|by|from|last|this|\d(?:st|nd|rd|th)?) {EITHER}\b|\b{EITHER} \d",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Span:
    """From `begin` until before `end`; without a year (`yearly`) the same days of every year."""

    begin: datetime
    end: datetime
    yearly: bool = False

    def nearness(self, moment: datetime) -> float:
        """1 within, AFTERMATH for as long again after it (a day at least, a month at most), 0 else."""
        span = self._in_year_of(moment) if self.yearly else self
        aftermath = min(max(span.end - span.begin, timedelta(days=1)), timedelta(days=31))
        if span.begin <= moment < span.end:
            return 1.0
        return AFTERMATH if span.end <= moment < span.end + aftermath else 0.0

    def _in_year_of(self, moment: datetime) -> "Span":
        """The occurrence that began last."""
        begin = _with_year(self.begin, moment.year)
        begin = begin if begin <= moment else _with_year(self.begin, max(moment.year - 1, MINYEAR))
        return Span(begin, begin + (self.end - self.begin))


def _with_year(moment: datetime, year: int) -> datetime:
    return moment.replace(year=year, day=min(moment.day, monthrange(year, moment.month)[1]))


def spans(text: str, *, now: datetime) -> list[Span]:
    """The times that a query names; none if it names none."""
    plain = " ".join(text.replace(",", " ").split())
    found = [_calendar(match, plain) for match in CALENDAR.finditer(plain)]
    found += [_relative(match, now=now) for match in RELATIVE.finditer(plain)]
    return [span for span in found if span]


def nearness(moment: datetime, named: Sequence[Span]) -> float:
    """How near a moment is to the nearest of the times, 0 to 1."""
    return max((span.nearness(moment) for span in named), default=0.0)


def _calendar(match: re.Match[str], text: str) -> Span | None:
    try:
        if match["iso"]:
            return _days(datetime.fromisoformat(match["iso"]).replace(tzinfo=UTC), 1)
        if match["only_year"]:
            begin = datetime(int(match["only_year"]), 1, 1, tzinfo=UTC)
            return Span(begin, begin.replace(year=begin.year + 1))
        return _month(match, text)
    except ValueError:
        return None  # such as 31 June: not a date after all


def _month(match: re.Match[str], text: str) -> Span | None:
    name, day = match["month"].lower(), match["day"] or match["day2"]
    if name in AMBIGUOUS and not (day or match["year"] or SURELY_A_MONTH.search(text)):
        return None
    month = next(number for number, one in enumerate(MONTHS, start=1) if one.startswith(name[:3]))
    year = int(match["year"] or 2000)  # a leap year stands for any
    begin = datetime(year, month, int(day or 1), tzinfo=UTC)
    days = 1 if day else monthrange(year, month)[1]
    return Span(begin, begin + timedelta(days=days), yearly=not match["year"])


def _relative(match: re.Match[str], *, now: datetime) -> Span:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if match["named"]:
        return _days(today - timedelta(days=match["named"].lower() == "yesterday"), 1)
    if match["ago"]:
        unit = DAYS[match["ago"].lower()]
        count = NUMBERS.get(match["count"].lower()) or int(match["count"])
        return _days(today - timedelta(days=unit * count + unit // 4), 1 + unit // 2)
    return _days(*_last(match["which"].lower(), match["unit"].lower(), today=today))


def _last(which: str, unit: str, *, today: datetime) -> tuple[datetime, int]:
    """ "last week", "this month", "last Friday": where it begins and how many days it lasts."""
    if unit in WEEKDAYS:
        back = (today.weekday() - WEEKDAYS.index(unit)) % 7 or 7
        return today - timedelta(days=back), 1
    if unit == "weekend":
        return today - timedelta(days=(today.weekday() - 5) % 7 or 7), 2
    days = DAYS[unit]
    begin = {"week": today.weekday(), "month": today.day - 1, "year": today.timetuple().tm_yday - 1}[unit]
    past = 0 if which == "this" else days
    return today - timedelta(days=begin + past), days + begin * (which == "past")


def _days(begin: datetime, days: int) -> Span:
    return Span(begin, begin + timedelta(days=days))
