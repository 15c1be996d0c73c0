"""Tenants, their end users and keys, and the audit trail in the admin."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db.models import Model, Q
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from tenants import audit, keys
from tenants.admin_base import (
    TENANT_FILTER,
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DayRangeFilter,
    DropdownFilter,
    FieldTextFilter,
    Page,
    ask_first,
    display,
    link,
    list_url,
)
from tenants.ids import as_uuid
from tenants.models import (
    ApiKey,
    ApiKeyQuerySet,
    AuditEvent,
    AuditEventQuerySet,
    EndUser,
    EndUserQuerySet,
    KeyState,
    Scope,
    Tenant,
    ordinary_scopes,
)

ROTATION_OVERLAP = timedelta(days=1)
REINDEX = "What is stored was indexed in the former language. To have it found in the new one, run:"
SHOWN_ONCE = 'The new key, shown this once and never again: <code class="key">{}</code>'


@admin.register(Tenant)
class TenantAdmin(Page):
    """No delete: a tenant's messages go by ways of their own, which clean up behind them."""

    list_display = ("slug", "name", "rate_limit", "daily_token_budget", "created_at", "belongings")
    search_fields = ("slug", "name")
    ordering = ("slug",)
    EDITABLE = ("slug", "name", "language", "ranking_weights", "rate_limit", "daily_token_budget")
    SHOWN = ("embedding_model", "next_embedding_model", "previous_embedding_model", "created_at", "belongings")
    fields = (*EDITABLE, *SHOWN)
    add_fieldsets = ((None, {"fields": EDITABLE}),)
    BELONGINGS = {
        "tenants_enduser": "End users",
        "tenants_apikey": "API keys",
        "memories_conversation": "Conversations",
        "memories_message": "Messages",
        "memories_fact": "Facts",
        "memories_job": "Jobs",
        "memories_tokenspend": "Token spend",
    }

    @display(description="Links")
    def belongings(self, tenant: Tenant) -> SafeString:
        return in_a_row(links_to(self.BELONGINGS, **{TENANT_FILTER: tenant.pk}))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """The slug is what clients call the tenant, so it stays."""
        return ("slug", *self.SHOWN) if obj else ()

    def save_model(self, request: HttpRequest, obj: Tenant, form: "ModelForm[Tenant]", change: bool) -> None:
        obj.save()
        if not change:
            audit.record("tenant.created", obj, tenant=obj)
        elif "language" in form.changed_data:
            messages.warning(request, f"{REINDEX} manage.py reindex_words --all --tenant {obj.slug}")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def links_to(lists: dict[str, str], **filters: object) -> list[SafeString]:
    """Links to these lists (app_model: title) under `filters`."""
    return [link(list_url(model, **filters), title) for model, title in lists.items()]


def in_a_row(links: Iterable[SafeString]) -> SafeString:
    """As one element, whose lines break on a narrow page."""
    return format_html("<div>{}</div>", format_html_join(" · ", "{}", ((one,) for one in links)))


class Shown(Page):
    """Rows that are looked at here, and come, change and go elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(EndUser)
class EndUserAdmin(Shown):
    """Clients make them by naming them."""

    list_display = ("public_id", "tenant", "created_at", "belongings")
    list_filter = (("tenant", AutocompleteSelectFilter), ("created_at", DayRangeFilter))
    list_select_related = ("tenant",)
    search_fields = ("external_id",)
    search_help_text = "How the client's id begins, or our id in full"
    sortable_by = ()
    fields = ("external_id", "id", "tenant", "metadata", "created_at", "belongings")
    BELONGINGS = {
        "tenants_apikey": "API keys",
        "memories_conversation": "Conversations",
        "memories_message": "Messages",
    }

    def get_search_results(
        self, request: HttpRequest, queryset: EndUserQuerySet, search_term: str
    ) -> tuple[EndUserQuerySet, bool]:
        term = search_term.strip()
        found = Q(external_id__startswith=term) | Q(pk=as_uuid(term))
        return (queryset.filter(found) if term else queryset), False

    @display(description="End user")
    def public_id(self, user: EndUser) -> str:
        return user.public_id

    @display(description="Links")
    def belongings(self, user: EndUser) -> SafeString:
        chosen = {"kind": "user", "tenant": user.tenant_id, "end_user": user.pk}
        issue = link(f"{reverse('admin:tenants_apikey_add')}?{urlencode(chosen)}", "Issue a key")
        known = link(f"{reverse('admin:memories_fact_person')}?{urlencode({'end_user': user.pk})}", "Facts")
        return in_a_row([*links_to(self.BELONGINGS, end_user__id__exact=user.pk), known, issue])


class KeyStateFilter(DropdownFilter):  # type: ignore[misc]
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[ApiKey]") -> list[tuple[str, str]]:
        return KeyState.choices

    def queryset(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> ApiKeyQuerySet:
        state = self.value()
        return queryset.in_state(state) if state in KeyState else queryset


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic class at run time
    """Asks for the kind, or a tenant left out by mistake would make a key for all of them."""

    OWNERS = {"tenant": ("tenant",), "user": ("tenant", "end_user"), "deployment": ()}
    KINDS = [("tenant", "One tenant"), ("user", "One end user of a tenant"), ("deployment", "All tenants")]
    kind = forms.ChoiceField(choices=KINDS, label="For", widget=UnfoldAdminSelectWidget)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        owners = self.OWNERS.get(given.get("kind", ""), ())
        for name in ("tenant", "end_user"):
            if name in owners and name not in self.errors and not given.get(name):
                self.add_error(name, "A key of this kind has one; choose it.")
            if name not in owners and given.get(name):
                self.add_error(name, "A key of this kind has none; leave it empty.")
        return given


@admin.register(ApiKey)
class ApiKeyAdmin(Page):
    """Adding a key issues it and shows it once. Keys are revoked, not deleted: what was is still to be seen."""

    list_display = (
        "prefix",
        "name",
        "kind",
        "tenant",
        "end_user",
        "state",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    list_filter = (("tenant", AutocompleteSelectFilter), KeyStateFilter)
    list_select_related = ("tenant", "end_user")
    search_fields = ("prefix", "name")
    autocomplete_fields = ("tenant", "end_user")
    actions = ("rotate", "revoke")
    ISSUED = ("kind", "tenant", "end_user", "scopes", "prefix", "state", "created_at", "revoked_at", "last_used_at")
    fields = ("name", "expires_at", *ISSUED)
    ASKED = ("kind", "tenant", "end_user", "name", "scopes", "expires_at")
    add_fieldsets = ((None, {"fields": ASKED, "description": "Saving shows the key once."}),)

    @display(label={"deployment": "warning", "tenant": "info"})
    def kind(self, key: ApiKey) -> str:
        return key.kind

    @display(label={"usable": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        return key.state.value

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs, **({} if obj else {"form": NewKeyForm}))

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
        issued, key = keys.issue(
            wanted.tenant,
            end_user=wanted.end_user,
            name=wanted.name,
            scopes=wanted.scopes,
            expires_at=wanted.expires_at,
        )
        wanted.pk, wanted.prefix = issued.pk, issued.prefix  # for the redirect and the log of changes
        messages.warning(request, format_html(SHOWN_ONCE, key))

    @admin.action(description="Rotate selected keys", permissions=["change", "add"])
    def rotate(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> HttpResponse | None:
        question = "Rotate these keys?"
        consequence = "Each gets a successor, shown once on the next page, and goes on working for a day at the most."
        if page := ask_first(self, request, queryset, action="rotate", question=question, consequence=consequence):
            return page
        for old in queryset.usable().select_related("tenant", "end_user"):
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


@admin.register(AuditEvent)
class AuditEventAdmin(Shown):
    """What was done; the database refuses to change any of it."""

    list_display = ("created_at", "action", "tenant", "actor_kind", "actor", "object_type", "object_id", "address")
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("action", FieldTextFilter),
        ("actor_kind", ChoicesDropdownFilter),
        ("created_at", DayRangeFilter),
    )
    list_select_related = ("tenant",)
    search_fields = ("object_id",)
    search_help_text = "Part of an actor's name, or the id of an object or request in full"
    sortable_by = ()
    fields = (
        "created_at",
        "action",
        "tenant",
        "actor_kind",
        "actor",
        "object_type",
        "object_id",
        "detail",
        "address",
        "request_id",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: AuditEventQuerySet, search_term: str
    ) -> tuple[AuditEventQuerySet, bool]:
        term = search_term.strip()
        found = Q(object_id=term) | Q(request_id=term) | Q(actor__icontains=term)
        return (queryset.filter(found) if term else queryset), False
