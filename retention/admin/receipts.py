"""Receipts of erasure in the admin: whether they are genuine, and how a new one comes about."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from memories.editing import Held
from memories.models import JobKind
from memories.tasks import wake_operation_worker
from retention.erasure import as_job, receipts, subjects
from retention.erasure.erase import plan_erasure
from retention.models import Receipt
from tenants import audit
from tenants.admin import Shown
from tenants.admin_base import AutocompleteSelectFilter, DayRangeFilter, display, list_url
from tenants.isolation import tenant_scope


class ErasureForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic class at run time
    """Asks whom or what to erase; the first time it is sent, it says what would go."""

    KINDS = [("user", "An end user"), ("conversation", "A conversation"), ("tenant", "The whole tenant")]
    kind = forms.ChoiceField(choices=KINDS, label="Erase", widget=UnfoldAdminSelectWidget)
    name = forms.CharField(
        required=False, max_length=255, widget=UnfoldAdminTextInputWidget, help_text="Its id, the client's or ours."
    )
    confirmed = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Without it you see what would go; nothing is changed.",
    )

    class Meta:
        model = Receipt
        fields = ("tenant",)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        tenant, kind = given.get("tenant"), given.get("kind", "")
        if tenant is None:
            self.add_error("tenant", "Choose the tenant.")
            return given
        try:
            with tenant_scope(tenant):
                self.subject = subjects.find(tenant, kind, given.get("name", ""))
            counts = plan_erasure(self.subject)
        except (subjects.UnknownSubject, Held) as error:
            self.add_error("name", str(error))
            return given
        if not given.get("confirmed"):
            listed = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in counts.items())
            self.add_error("confirmed", f"This would go for good: {listed}. Switch this on to erase it.")
        return given


@admin.register(Receipt)
class ReceiptAdmin(Shown):
    """A receipt outlives its tenant, which may be what was erased. To add one is to erase."""

    list_display = ("created_at", "subject_kind", "tenant", "outcome", "genuine", "subject_digest")
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        "subject_kind",
        ("created_at", DayRangeFilter),
    )
    list_select_related = ("tenant",)
    search_fields = ("subject_digest",)
    search_help_text = "SHA-256 of “kind:tenant:id”, in full"
    sortable_by = ()
    fields = (("subject_kind", "tenant", "created_at"), ("outcome", "genuine"), "subject_digest", "whole")

    form = ErasureForm
    autocomplete_fields = ("tenant",)
    add_fieldsets = ((None, {"fields": ("tenant", "kind", "name", "confirmed")}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("retention.add_receipt"))

    def save_model(self, request: HttpRequest, obj: Receipt, form: Any, change: bool) -> None:
        """A worker erases, and stores the receipt: what takes long has no place in a request, or in its transaction."""
        job = as_job.queue(form.subject)
        audit.record("admin.queued", job, tenant=job.tenant, kind=job.kind)
        transaction.on_commit(wake_operation_worker)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """The erasure itself is audited."""

    def response_add(self, request: HttpRequest, obj: Receipt, post_url_continue: str | None = None) -> HttpResponse:
        where = list_url("memories_job", kind__exact=JobKind.ERASE.value)
        sentence = 'A worker erases it: <a href="{}">see how far it is</a>. The receipt stands here when it is done.'
        self.message_user(request, format_html(sentence, where), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:retention_receipt_changelist"))

    @display(description="Outcome", label={"all gone": "success", "something was left": "danger"})
    def outcome(self, receipt: Receipt) -> str:
        return "something was left" if receipt.proof.get("found") else "all gone"

    @display(description="Signature", label={"good": "success", "bad: changed, or not signed here": "danger"})
    def genuine(self, receipt: Receipt) -> str:
        return "good" if receipts.verify(receipts.as_json(receipt)) else "bad: changed, or not signed here"

    @display(description="As handed out")
    def whole(self, receipt: Receipt) -> SafeString:
        """What `manage.py verify_receipt` takes."""
        return format_html(
            '<pre class="said scrolled" tabindex="0">{}</pre>', json.dumps(receipts.as_json(receipt), indent=2)
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Receipt]:
        found: QuerySet[Receipt] = super().get_queryset(request)
        return found.select_related("tenant")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Receipt], search_term: str
    ) -> tuple[QuerySet[Receipt], bool]:
        term = search_term.strip()
        return (queryset.filter(subject_digest=term) if term else queryset), False
