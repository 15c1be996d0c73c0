"""The playground: what a text would yield as facts, and what those would change; nothing of it is saved."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from memories.admin.base import Chooser
from memories.embedding_models import provider_for
from memories.facts.decisions import Close, Decision, Insert, Reason, Refresh, Reject, Supersede
from memories.facts.extraction import preview
from memories.facts.reading import reader
from memories.facts.spend import BudgetSpent
from memories.facts.statements import Candidate
from memories.facts.store import Ledger
from memories.models import Fact
from memories.providers.base import ProviderError
from tenants.admin_base import enters_own_scopes
from tenants.isolation import across_tenants
from tenants.models import EndUser, Tenant

TEXT_MAX = 10_000
REJECTED = {
    Reason.UNACCEPTABLE: "Is dropped: too uncertain, too short, or a question.",
    Reason.REMOVED_BEFORE: "Is dropped: a person removed this before.",
    Reason.KNOWN_ALREADY: "Changes nothing: it is known from the same words.",
    Reason.LESS_CERTAIN: "Is kept aside, not accepted: what holds is more certain.",
}


class PlaygroundForm(forms.Form):
    tenant = forms.ModelChoiceField(Tenant.objects.all(), widget=Chooser(Fact._meta.get_field("tenant"), admin.site))
    end_user = forms.ModelChoiceField(
        EndUser.objects.select_related("tenant"),
        required=False,
        widget=Chooser(Fact._meta.get_field("end_user"), admin.site),
        help_text="Whose facts it is compared with. Empty: somebody of whom nothing is known.",
    )
    text = forms.CharField(
        max_length=TEXT_MAX,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="One turn of the user, said now.",
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        tenant, end_user = given.get("tenant"), given.get("end_user")
        if tenant and end_user and end_user.tenant_id != tenant.pk:
            self.add_error("end_user", "This end user is not one of the tenant's.")
        return given

    def person(self) -> EndUser:
        """Who says it; somebody who is stored nowhere, if nobody was chosen."""
        end_user: EndUser | None = self.cleaned_data["end_user"]
        return end_user or EndUser(tenant=self.cleaned_data["tenant"])


@enters_own_scopes
def show(request: HttpRequest, *, model_admin: Any) -> HttpResponse:
    may_try = request.user.has_perm("memories.add_job")
    if not model_admin.has_view_permission(request) or (request.method == "POST" and not may_try):
        raise PermissionDenied
    with across_tenants():
        form = PlaygroundForm(request.POST) if request.method == "POST" else PlaygroundForm(initial=request.GET.dict())
        is_valid = form.is_valid()
    outcome = _try(form.person(), form.cleaned_data["text"]) if is_valid else {}
    with across_tenants():
        context = {
            **model_admin.admin_site.each_context(request),
            "model_admin": model_admin,
            "title": "Playground",
            "form": form,
            "may_try": may_try,
            **outcome,
        }
        return render(request, "memories/admin/playground.html", context)


def _try(person: EndUser, text: str) -> dict[str, Any]:
    """What the template shows of it. A language model's tokens are the tenant's, whatever comes of them."""
    now, model = timezone.now(), reader()
    try:
        ledger = preview(text, person, reader=model, provider=provider_for(person.tenant), now=now)
    except BudgetSpent:
        return {"error": "The tenant's token budget of the day is spent."}
    except ProviderError as error:
        return {"error": str(error)}
    return {"is_tried": True, "read_by": model.name, "statements": _statements(ledger)}


def _statements(ledger: Ledger) -> list[tuple[Candidate, Sequence[str]]]:
    """Each statement with what would come of it, in words."""
    contents = {ref: fact.content for ref, fact in ledger.afterwards().items()}
    by_candidate = groupby(ledger.decisions, key=attrgetter("candidate"))
    return [(candidate, [_said(one, contents) for one in decisions]) for candidate, decisions in by_candidate]


def _said(decision: Decision, contents: dict[Any, str]) -> str:
    match decision:
        case Supersede():
            return f"Supersedes: {contents[decision.replaces]}"
        case Insert(replaced_by=None):
            return "Is a new fact."
        case Insert(replaced_by=later):
            return f"Is history from the start; since then it is: {contents[later]}"
        case Refresh():
            return f"Was known, and is now sure to {decision.confidence:.2f}: {contents[decision.id]}"
        case Close():
            return f"Ends: {contents[decision.id]}"
        case Reject():
            return REJECTED[decision.reason]
