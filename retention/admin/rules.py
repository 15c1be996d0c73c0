"""Rules in the admin; their conditions are checked as the API checks them."""

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from rest_framework.exceptions import ValidationError

from retention import conditions
from retention.admin.base import ACTION_COLOURS
from retention.models import Rule
from tenants.admin_base import AutocompleteSelectFilter, ChoicesDropdownFilter, Page, ask_first, display
from tenants.api.serializers import StrictSerializer


def known_fields() -> SafeString:
    """For each type of rule, the fields of its conditions."""
    rows = ((Rule.Type(kind).label, _fields(shape)) for kind, shape in conditions.SHAPES.items())
    items = format_html_join("", "<li><strong>{}</strong>: {}</li>", rows)
    return format_html('A JSON object. What may stand in it, by type:<ul class="known">{}</ul>', items)


def _fields(shape: type[StrictSerializer]) -> SafeString:
    said = ((name, f" ({hint})" if (hint := _hint(field)) else "") for name, field in shape().fields.items())
    return format_html_join("; ", "<code>{}</code>{}", said)


def _hint(field: Any) -> str:
    """What the API's documentation says of a field, or what may stand in it."""
    choices = getattr(field, "choices", None) or getattr(getattr(field, "child", None), "choices", None)
    said = field.help_text or ("of " if hasattr(field, "child") else "") + ", ".join(choices or ())
    return str(said).rstrip(".")


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic class at run time
    class Meta:
        model = Rule
        fields = ("tenant", "name", "rule_type", "conditions", "action", "priority", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "conditions" in self.fields:  # an operator who only looks has no field
            self.fields["conditions"].help_text = known_fields()

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        tenant = given.get("tenant") or self.instance.tenant_id  # which is no field once the rule is there
        same = Rule.objects.filter(tenant=tenant, name=given.get("name")).exclude(pk=self.instance.pk)
        if same.exists():
            self.add_error("name", "A rule of this name exists already; choose another name.")
        if "rule_type" in given and "conditions" in given:
            try:
                given["conditions"] = conditions.checked(given["rule_type"], given["conditions"])
            except ValidationError as error:
                self.add_error("conditions", list(_sentences(error.detail)))
        return given


def _sentences(detail: Any, name: str = "") -> Iterator[str]:
    """Flatten the errors of REST framework; each says which field it is of."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            is_field = isinstance(key, str) and key != "non_field_errors"
            yield from _sentences(inner, key if is_field else name)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _sentences(inner, name)
    else:
        yield f"{name}: {detail}" if name else str(detail)


@admin.register(Rule)
class RuleAdmin(Page):
    form = RuleForm
    ordering = ("tenant__slug", "priority", "created_at", "id")
    list_display = ("name", "tenant", "priority", "rule_type", "conditions_text", "action_label", "state", "updated_at")
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("rule_type", ChoicesDropdownFilter),
        ("action", ChoicesDropdownFilter),
        "enabled",
    )
    list_select_related = ("tenant",)
    search_fields = ("name",)
    autocomplete_fields = ("tenant",)
    sortable_by = ()
    actions = ("enable", "disable")

    @display(description="Conditions")
    def conditions_text(self, rule: Rule) -> SafeString:
        return format_html('<code class="excerpt">{}</code>', json.dumps(rule.conditions))

    @display(description="Action", label=ACTION_COLOURS)
    def action_label(self, rule: Rule) -> str:
        return rule.get_action_display().lower()

    @display(label={"enabled": "success"})
    def state(self, rule: Rule) -> str:
        return "enabled" if rule.enabled else "disabled"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant",) if obj else ()

    @admin.action(description="Enable selected rules", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> HttpResponse | None:
        return self._switch(request, queryset, "enable", "They decide from the next run on, before the policy does.")

    @admin.action(description="Disable selected rules", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> HttpResponse | None:
        return self._switch(request, queryset, "disable", "From the next run on they decide nothing.")

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[Rule], action: str, consequence: str
    ) -> HttpResponse | None:
        question = f"{action.capitalize()} these rules?"
        if page := ask_first(self, request, queryset, action=action, question=question, consequence=consequence):
            return page
        changed = list(queryset.filter(enabled=action != "enable").select_related("tenant"))
        for rule in changed:
            rule.enabled = action == "enable"
            rule.save(update_fields=["enabled", "updated_at"])
            self.log_change(request, rule, [{"changed": {"fields": ["enabled"]}}])
        self.message_user(request, f"Rules {action}d: {len(changed)}.", messages.SUCCESS)
        return None
