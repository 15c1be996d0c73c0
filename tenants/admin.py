"""Tenants and their keys in the admin."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.db.models.functions import Now
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenants import keys
from tenants.admin_base import (
    TENANT_FILTER,
    AutocompleteSelectFilter,
    DropdownFilter,
    Page,
    ask_first,
    display,
    link,
    list_url,
)
from tenants.models import ApiKey, ApiKeyQuerySet, Scope, Tenant, ordinary_scopes

ROTATION_OVERLAP = timedelta(days=1)
SHOWN_ONCE = 'The new key, shown this once and never again: <code class="key">{}</code>'


@admin.register(Tenant)
class TenantAdmin(Page):
    """No delete: a tenant's messages go by ways of their own, which clean up behind them."""

    list_display = ("slug", "name", "rate_limit", "created_at", "belongings")
    search_fields = ("slug", "name")
    ordering = ("slug",)
    fields = ("slug", "name", "rate_limit", "created_at", "belongings")
    add_fieldsets = ((None, {"fields": ("slug", "name", "rate_limit")}),)
    BELONGINGS = {
        "tenants_apikey": "API keys",
        "memories_conversation": "Conversations",
        "memories_message": "Messages",
    }

    @display(description="Belongs to it")
    def belongings(self, tenant: Tenant) -> SafeString:
        lists = self.BELONGINGS.items()
        links = ((link(list_url(model, **{TENANT_FILTER: tenant.pk}), name),) for model, name in lists)
        return format_html_join(" · ", "{}", links)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """The slug is what clients call the tenant, so it stays."""
        return ("slug", "created_at", "belongings") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class KeyStateFilter(DropdownFilter):  # type: ignore[misc]
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[ApiKey]") -> list[tuple[str, str]]:
        return [("usable", "Usable"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> ApiKeyQuerySet:
        match self.value():
            case "usable":
                return queryset.usable()
            case "expired":
                return queryset.filter(revoked_at=None, expires_at__lte=Now())
            case "revoked":
                return queryset.exclude(revoked_at=None)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(Page):
    """Adding a key issues it and shows it once. Keys are revoked, not deleted: what was is still to be seen."""

    list_display = ("prefix", "name", "tenant", "state", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = (("tenant", AutocompleteSelectFilter), KeyStateFilter)
    list_select_related = ("tenant",)
    search_fields = ("prefix", "name")
    autocomplete_fields = ("tenant",)
    actions = ("rotate", "revoke")
    ISSUED = ("tenant", "scopes", "prefix", "state", "created_at", "revoked_at", "last_used_at")
    fields = ("name", "expires_at", *ISSUED)
    add_fieldsets = (
        (None, {"fields": ("tenant", "name", "scopes", "expires_at"), "description": "Saving shows the key once."}),
    )

    @display(label={"usable": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= timezone.now() else "usable"

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return self.ISSUED if obj else ()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "scopes":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        boxes = UnfoldAdminCheckboxSelectMultipleWidget()
        return forms.MultipleChoiceField(choices=Scope.choices, initial=ordinary_scopes(), widget=boxes)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: "ModelForm[ApiKey]", change: bool) -> None:
        if change:
            obj.save(update_fields=["name", "expires_at"])
        else:
            self._issue(request, obj)

    def _issue(self, request: HttpRequest, wanted: ApiKey) -> None:
        issued, key = keys.issue(wanted.tenant, name=wanted.name, scopes=wanted.scopes, expires_at=wanted.expires_at)
        wanted.pk, wanted.prefix = issued.pk, issued.prefix  # for the redirect and the log of changes
        messages.warning(request, format_html(SHOWN_ONCE, key))

    @admin.action(description="Rotate selected keys", permissions=["change", "add"])
    def rotate(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> HttpResponse | None:
        question = "Rotate these keys?"
        consequence = "Each gets a successor, shown once on the next page, and goes on working for a day at the most."
        if page := ask_first(self, request, queryset, action="rotate", question=question, consequence=consequence):
            return page
        for old in queryset.usable().select_related("tenant"):
            successor, key = keys.rotate(old, overlap=ROTATION_OVERLAP)
            self.log_change(request, old, f"Rotated; its successor is {successor.prefix}…")
            messages.warning(request, format_html(SHOWN_ONCE, key))
        return None

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> HttpResponse | None:
        question, consequence = "Revoke these keys?", "They stop working at once, and for good."
        if page := ask_first(self, request, queryset, action="revoke", question=question, consequence=consequence):
            return page
        self.message_user(request, f"Keys revoked: {keys.revoke(queryset)}.", messages.SUCCESS)
        return None
