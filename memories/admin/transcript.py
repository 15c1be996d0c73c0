"""A conversation as it went, a page of turns at a time, each with the facts that were drawn from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Left, Length
from django.http import HttpRequest

from memories.admin.base import CONVERSATION_FILTER
from memories.models import Conversation, Fact, FactSource, Message
from tenants.admin_base import list_url
from tenants.ids import as_uuid

TURNS = 50
TURN_LENGTH = 2_000  # characters
CITED = 200  # facts of a page


@dataclass(frozen=True)
class Shown:
    """Turns in the order they were said, and whether there are some before and after them."""

    turns: Sequence[Any]
    has_earlier: bool
    has_later: bool


def of(request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
    """The context of the template: the page that the address names by `before`, `after` or `at` (ids of messages)."""
    all_messages = list_url("memories_message", **{CONVERSATION_FILTER: conversation.pk})
    context = {"below": "memories/admin/transcript.html", "all_messages": all_messages, "limit": TURN_LENGTH}
    if not request.user.has_perm("memories.view_message"):
        return context | {"may_read": False}
    shown = _page(Message.objects.filter(tenant=conversation.tenant_id, conversation=conversation), request.GET)
    may_cite = request.user.has_perm("memories.view_fact")
    cited = _cited(conversation, [turn.pk for turn in shown.turns]) if may_cite else {}
    for turn in shown.turns:
        turn.cited = cited.get(turn.pk, [])
    return context | {"may_read": True, "shown": shown}


def _page(messages: QuerySet[Message], query: Mapping[str, str]) -> Shown:
    """The first page, unless a message is named that the page ends before, begins after or begins with."""
    if "latest" in query:
        turns = _turns(messages.order_by("-created_at", "-pk"))
        return Shown(turns[:TURNS][::-1], has_earlier=len(turns) > TURNS, has_later=False)
    if named := _named(messages, query.get("before")):
        turns = _turns(messages.filter(_beyond(named, "lt")).order_by("-created_at", "-pk"))
        return Shown(turns[:TURNS][::-1], has_earlier=len(turns) > TURNS, has_later=True)
    if named := _named(messages, query.get("after")):
        turns = _turns(messages.filter(_beyond(named, "gt")).order_by("created_at", "pk"))
        return Shown(turns[:TURNS], has_earlier=True, has_later=len(turns) > TURNS)
    if named := _named(messages, query.get("at")):
        turns = _turns(messages.filter(_beyond(named, "gt") | Q(pk=named.pk)).order_by("created_at", "pk"))
        has_earlier = messages.filter(_beyond(named, "lt")).exists()
        return Shown(turns[:TURNS], has_earlier=has_earlier, has_later=len(turns) > TURNS)
    turns = _turns(messages.order_by("created_at", "pk"))
    return Shown(turns[:TURNS], has_earlier=False, has_later=len(turns) > TURNS)


def _named(messages: QuerySet[Message], given: str | None) -> Message | None:
    pk = as_uuid(given) if given else None
    return messages.only("created_at").filter(pk=pk).first() if pk else None


def _beyond(named: Message, operator: str) -> Q:
    """Before ("lt") or after ("gt") a message, by the order of the index."""
    same_time = Q(created_at=named.created_at, **{f"pk__{operator}": named.pk})
    either = Q(**{f"created_at__{operator}": named.created_at}) | same_time
    return either & Q(**{f"created_at__{operator}e": named.created_at})


def _turns(messages: QuerySet[Message]) -> list[Any]:
    """One more than a page has, to know whether there is another; of long ones the beginning."""
    shown = messages.select_related("end_user").defer("content", "metadata", "end_user__metadata")
    return list(shown.annotate(text=Left("content", TURN_LENGTH), length=Length("content"))[: TURNS + 1])


def _cited(conversation: Conversation, ids: list[UUID]) -> dict[UUID, list[Fact]]:
    """The facts that were drawn from these messages, by message."""
    sources = FactSource.objects.filter(tenant=conversation.tenant_id, message_id__in=ids)
    found: dict[UUID, list[Fact]] = {}
    for source in sources.select_related("fact").order_by("pk")[:CITED]:
        found.setdefault(source.message_id, []).append(source.fact)
    return found
