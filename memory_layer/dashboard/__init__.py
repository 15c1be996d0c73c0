"""The first page of the admin: how the service is, and what goes on in it, as far as this operator may see it.

Every number comes from an index or was counted before: the page is as quick with a million messages as with none.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from memories.models import Message
from memory_layer.dashboard import cards, signs
from memory_layer.dashboard.moment import Moment


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold calls this with the context of its own first page."""
    moment = Moment(timezone.now())
    shown = cards.for_operator(request.user, moment)
    is_empty = not any(card.has_data for card in shown) and not Message.objects.exists()
    return context | {
        "title": "Dashboard",
        "signs": signs.for_operator(request.user, moment),
        "cards": [] if is_empty else shown,
        "is_empty": is_empty,
        "base": f"{request.scheme}://{request.get_host()}",
        "requires_key": settings.MEMORY_REQUIRE_API_KEY,
    }
