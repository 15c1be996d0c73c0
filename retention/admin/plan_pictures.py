"""What a run decided, as tables and bars for its page. Bars are SVG: they need neither script nor style."""

from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models.functions import Left
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memories.admin.embeddings import EXCERPT, excerpt
from memories.models import Message
from retention.models import Action, Run
from tenants.admin_base import at, link, row_url
from tenants.admin_pictures import Bar, Part

LOOKED_AT = 20_000  # items whose messages' ages are read: of more, every n-th
LAST_MONTH = 24
SHOWN = 5
SECONDS_OF_MONTH = 30.44 * 86_400
AGES = """
SELECT least(greatest(floor(extract(epoch FROM %s - created_at) / %s), 0), %s)::int AS month,
    action, count(*)::int
FROM (SELECT message_id, action FROM retention_planneditem WHERE run_id = %s AND id %% %s = 0) AS item
JOIN memories_message ON memories_message.id = message_id
GROUP BY month, action ORDER BY month, action
"""


def of(request: HttpRequest, run: Run) -> dict[str, Any]:
    """The context of the template `retention/admin/run.html`."""
    return {
        "below": "retention/admin/run.html",
        "run": run,
        "progress": progress(run),
        "plan": _plan_table(run),
        "reasons": _reason_bars(run),
        "ages": _age_bars(run),
        "every": _every(run),
        "sample": _sample_table(request, run),
        "actions_shown": [(action.value, action.label) for action in Action if _is_planned(run, action)],
    }


def progress(run: Run) -> Bar:
    """How much of the plan has been dealt with."""
    share = 100 * run.progress
    return Bar(f"of {run.total:,} planned", f"{share:.0f} %", [Part("done", 0, share)])


def _is_planned(run: Run, action: str) -> bool:
    return any(one["action"] == action for one in run.planned)


def _plan_table(run: Run) -> dict[str, Any]:
    headers = ["Action", "Reason", "Messages", "Size", "Oldest", "Newest"]
    rows = [
        [
            Action(one["action"]).label,
            format_html('<span class="said">{}</span>', one["reason"]),
            f"{one['count']:,}",
            filesizeformat(one["bytes"]),
            at(parse_datetime(one["oldest"])),
            at(parse_datetime(one["newest"])),
        ]
        for one in run.planned
    ]
    return {"headers": headers, "rows": rows}


def _reason_bars(run: Run) -> list[Bar]:
    most = max((one["count"] for one in run.planned), default=1)
    return [
        Bar(one["reason"], f"{one['count']:,}", [Part(one["action"], 0, 100 * one["count"] / most)])
        for one in run.planned
    ]


def _age_bars(run: Run) -> list[Bar]:
    """A bar for each month of age from the youngest to the oldest, months without any included."""
    by_month: dict[int, list[tuple[str, int]]] = {}
    for month, action, count in _ages(run):
        by_month.setdefault(month, []).append((action, count))
    if not by_month:
        return []
    most = max(sum(count for _, count in counts) for counts in by_month.values())
    months = range(min(by_month), max(by_month) + 1)
    return [_age_bar(month, by_month.get(month, []), most, _every(run)) for month in months]


def _ages(run: Run) -> list[tuple[int, str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(AGES, [run.planned_for, SECONDS_OF_MONTH, LAST_MONTH, run.pk, _every(run)])
        return list(cursor.fetchall())


def _every(run: Run) -> int:
    """Each n-th item is looked at."""
    return -(-run.total // LOOKED_AT) or 1


def _age_bar(month: int, counts: list[tuple[str, int]], most: int, every: int) -> Bar:
    label = f"{month} and more" if month == LAST_MONTH else f"{month} to {month + 1}"
    parts, start = [], 0.0
    for action, count in counts:
        parts.append(Part(action, start, 100 * count / most))
        start += 100 * count / most
    about = "about " if every > 1 else ""
    return Bar(label, f"{about}{sum(count for _, count in counts) * every:,}", parts)


def _sample_table(request: HttpRequest, run: Run) -> dict[str, Any]:
    """What people said is shown only to those who may look at messages."""
    texts = _texts(run) if request.user.has_perm("memories.view_message") else {}
    rows = [
        [Action(one["action"]).label, one["reason"], _message(one["message_id"], texts.get(one["message_id"]))]
        for one in _shown(run)
    ]
    return {"headers": ["Action", "Reason", "Message"], "rows": rows}


def _shown(run: Run) -> list[dict[str, Any]]:
    """The first SHOWN of each action and reason."""
    by_reason = groupby(run.sample, key=itemgetter("action", "reason"))
    return [one for _, group in by_reason for one in islice(group, SHOWN)]


def _texts(run: Run) -> dict[str, str]:
    sampled = Message.objects.filter(pk__in=[one["message_id"] for one in _shown(run)])
    return {str(pk): text for pk, text in sampled.values_list("pk", Left("content", EXCERPT))}


def _message(message_id: str, text: str | None) -> SafeString:
    if text is None:
        return format_html('<span class="key">{}</span>', message_id)
    return link(row_url(Message(pk=message_id)), excerpt(text))
