"""Legal holds and pins in the admin: placed and released, never changed."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from memories.models import Hold, Message
from retention import holds
from tenants.admin_base import (
    AutocompleteSelectFilter,
    ButtonPage,
    ChoicesDropdownFilter,
    DayRangeFilter,
    ask_first,
    display,
    link,
    row_url,
)


class HoldForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic class at run time
    """Asks what the hold is on, or a target left out by mistake would hold all that a tenant has."""

    ON = [
        ("message", "One message"),
        ("conversation", "One conversation"),
        ("end_user", "One end user"),
        ("tenant", "The whole tenant"),
    ]
    on = forms.ChoiceField(choices=ON, label="On", widget=UnfoldAdminSelectWidget)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        self._check_targets(given)
        if given.get("kind") == Hold.Kind.PIN and given.get("on") not in (None, "message"):
            self.add_error("kind", "A pin is on a message; choose one, or a legal hold.")
        if not self.errors and self._stands(given):
            self.add_error("kind", "This hold stands already.")
        return given

    def _check_targets(self, given: dict[str, Any]) -> None:
        """Exactly the target that was asked for, and it is the tenant's."""
        for name in Hold.TARGETS:
            target = given.get(name)
            if target is None and name == given.get("on") and name not in self.errors:
                self.add_error(name, "This hold is on one; choose it.")
            if target is not None and name != given.get("on"):
                self.add_error(name, "This hold is on something else; leave it empty.")
            elif target is not None and given.get("tenant") not in (None, target.tenant):
                self.add_error(name, "This is not of this tenant; choose one that is.")

    def _stands(self, given: dict[str, Any]) -> bool:
        names = ("tenant", "kind", *Hold.TARGETS)
        return Hold.objects.filter(**{name: given[name] for name in names}).exists()


@admin.register(Hold)
class HoldAdmin(ButtonPage):
    form = HoldForm
    list_display = ("target", "kind_label", "tenant", "reason", "created_at")
    list_display_links = ("created_at",)
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("created_at", DayRangeFilter),
    )
    list_select_related = ("tenant", "conversation", "end_user")
    sortable_by = ()
    autocomplete_fields = ("tenant", "conversation", "end_user")
    raw_id_fields = ("message",)
    actions = ("delete_selected",)
    SAYS = (
        "A legal hold keeps everybody, clients and erasure included, from deleting or archiving; "
        "a pin keeps retention from a message."
    )
    add_fieldsets = (
        (
            None,
            {"fields": ("tenant", "kind", "on", "message", "conversation", "end_user", "reason"), "description": SAYS},
        ),
    )
    fields = ("kind_label", "target", "tenant", "reason", "created_at")

    @display(description="On")
    def target(self, hold: Hold) -> SafeString:
        if hold.message_id:
            return link(row_url(Message(pk=hold.message_id)), f"message {hold.message_id}")
        if hold.conversation:
            return link(row_url(hold.conversation), f"conversation {hold.conversation.external_id}")
        if hold.end_user:
            return link(row_url(hold.end_user), f"end user {hold.end_user}")
        return link(row_url(hold.tenant), "the whole tenant")

    @display(description="Kind", label={"Legal hold": "danger", "Pin": "info"})
    def kind_label(self, hold: Hold) -> str:
        return hold.get_kind_display()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        found: QuerySet[Hold] = super().get_queryset(request)
        return found.select_related(*self.list_select_related)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Hold, form: HoldForm, change: bool) -> None:
        target = {name: getattr(obj, name) for name in Hold.TARGETS}
        placed, _ = holds.place(obj.tenant, kind=obj.kind, reason=obj.reason, **target)
        obj.pk = placed.pk  # for the redirect and the log of changes

    def delete_model(self, request: HttpRequest, obj: Hold) -> None:
        holds.release(obj)

    @admin.action(description="Release", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Hold]) -> HttpResponse | None:
        question = "Release this?"
        consequence = "Retention, clients and erasure may touch again what it kept."
        if page := ask_first(
            self, request, queryset, action="delete_selected", question=question, consequence=consequence
        ):
            return page
        chosen = list(queryset)
        self.log_deletions(request, chosen)
        for hold in chosen:
            holds.release(hold)
        self.message_user(request, f"Holds released: {len(chosen)}.", messages.SUCCESS)
        return None
