"""What the pages of retention share: buttons on a row's page, and limits on what one request does."""

from typing import Any

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import date
from django.urls import reverse

from tenants.admin_base import Page

ACTION_COLOURS = {"archive": "warning", "delete": "danger", "move to cold storage": "info"}


class ButtonPage(Page):
    """Buttons on a row's page do what the actions of the list do: posted to it, allowed and asked about as there."""

    change_form_outer_before_template = "retention/admin/buttons.html"
    change_form_outer_after_template = "retention/admin/below.html"

    def buttons(self, row: Any) -> tuple[str, ...]:
        """Names of the actions that make sense for this row."""
        return tuple(self.actions)

    def below(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Context of what stands below the form: `below`, a template, and what that one needs."""
        return {}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Model | None = None, **kwargs: Any
    ) -> HttpResponse:
        if obj:
            allowed = self.get_actions(request)
            offered = [(name, allowed[name][2]) for name in self.buttons(obj) if name in allowed]
            context |= {"buttons": offered, **self.below(request, obj)}
        response: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return response

    def too_many(self, request: HttpRequest, queryset: QuerySet[Any], limit: int) -> bool:
        """Whether these rows are more than one request should work on; then it says so."""
        if not queryset[limit:].exists():
            return False
        self.message_user(request, f"At most {limit} at once: choose fewer.", messages.ERROR)
        return True


def at(time: Any) -> str:
    """A time as tables show it."""
    return date(time, "Y-m-d H:i") if time else "-"


def row_url(row: Model) -> str:
    """The address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
