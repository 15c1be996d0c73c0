"""What is known of a person, on a page: the facts that hold, the timeline, the profile and the work that waits."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memories.admin import timeline
from memories.admin.base import Chooser
from memories.facts import jobs
from memories.facts.confidence import confidence_sql
from memories.models import Fact, Job, JobStatus, Profile
from memories.models.job import OPEN
from memories.tasks import wake_fact_worker
from memories.vocabulary import Category
from tenants import audit
from tenants.admin_base import at, link, list_url, row_url
from tenants.models import EndUser

DRAWN = 200
LISTED = 200
NEWEST = 500
LATEST = 20
JOBS = 10


def url(end_user: EndUser) -> str:
    return f"{reverse('admin:memories_fact_person')}?{urlencode({'end_user': end_user.pk})}"


class PersonForm(forms.Form):
    end_user = forms.ModelChoiceField(
        EndUser.objects.select_related("tenant"),
        widget=Chooser(Fact._meta.get_field("end_user"), admin.site),
    )


def show(request: HttpRequest, *, model_admin: Any) -> HttpResponse:
    """The page of the end user that the query names; without one, who was last learned about. POST acts on it."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    form = PersonForm(request.GET or None)
    end_user = form.cleaned_data["end_user"] if form.is_valid() else None
    if request.method == "POST" and end_user:
        return _consolidate(request, end_user)
    context = {
        **model_admin.admin_site.each_context(request),
        "model_admin": model_admin,
        "title": str(end_user) if end_user else "People",
        "form": form,
        **(_of(end_user, request) if end_user else {"latest": _latest()}),
    }
    return render(request, "memories/admin/person.html", context)


def _consolidate(request: HttpRequest, end_user: EndUser) -> HttpResponse:
    if not request.user.has_perm("memories.add_job"):
        raise PermissionDenied
    job = jobs.queue_consolidation(end_user)
    audit.record("admin.consolidated", end_user, tenant=end_user.tenant)
    transaction.on_commit(wake_fact_worker)
    messages.success(request, format_html("{} is queued.", link(row_url(job), "Consolidation")))
    return redirect(url(end_user))


def _latest() -> dict[str, Any]:
    """Whom the newest facts are about."""
    last = Fact.objects.order_by("-pk").values_list("end_user", flat=True)[:NEWEST]
    people = EndUser.objects.filter(pk__in=set(last)).annotate(learned_at=Max("facts__created_at"))
    latest: Iterable[Any] = people.select_related("tenant").defer("metadata").order_by("-learned_at")[:LATEST]
    rows = [[link(url(one), one), one.tenant, at(one.learned_at)] for one in latest]
    return {"headers": ["End user", "Tenant", "Last learned"], "rows": rows}


def _of(end_user: EndUser, request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    about = Fact.objects.about(end_user)
    current = about.current().annotate(confidence_now=confidence_sql(now=now))
    told = list(about.told().order_by("-valid_from", "-pk")[: DRAWN + 1])
    mine = {"end_user__id__exact": end_user.pk}
    return {
        "end_user": end_user,
        "profile": Profile.objects.filter(tenant=end_user.tenant_id, end_user=end_user).first(),
        "categories": _by_category(current),
        "timeline": timeline.draw(told[:DRAWN], now=now) if told else None,
        "is_cut": len(told) > DRAWN,
        "drawn": DRAWN,
        "jobs": _jobs(end_user),
        "links": [
            link(row_url(end_user), f"End user of {end_user.tenant}"),
            link(list_url("memories_fact", **mine), "All facts"),
            link(list_url("memories_job", **mine), "All jobs"),
            link(f"{reverse('admin:memories_fact_playground')}?{urlencode(_chosen(end_user))}", "Try a text"),
        ],
        "may_consolidate": request.user.has_perm("memories.add_job"),
    }


def _chosen(end_user: EndUser) -> dict[str, object]:
    return {"tenant": end_user.tenant_id, "end_user": end_user.pk}


def _by_category(current: QuerySet[Any]) -> list[tuple[str, dict[str, Any]]]:
    """A table for each category: the essential facts first, then the surest."""
    facts = list(current.order_by("category", "-is_essential", "-confidence_now", "pk")[:LISTED])
    headers = ["Fact", "Slot", "Sure now", "Valid", "Last said"]
    return [
        (Category(category).label, {"headers": headers, "rows": [_row(fact) for fact in group]})
        for category, group in groupby(facts, key=lambda fact: fact.category)
    ]


def _row(fact: Any) -> list[SafeString | str]:
    content = format_html("<span>{}{}</span>", timeline.star(fact), link(row_url(fact), fact.content))
    slot = fact.get_slot_display() if fact.slot else "-"
    said = timeline.day(fact.last_refreshed_at)
    return [content, slot, f"{fact.confidence_now:.2f}", timeline.span(fact), said]


def _jobs(end_user: EndUser) -> dict[str, Any]:
    """What waits, runs or failed."""
    unfinished = Job.objects.filter(tenant=end_user.tenant_id, end_user=end_user, status__in=[*OPEN, JobStatus.FAILED])
    rows = [
        [link(row_url(job), job.get_kind_display()), job.status, at(job.due_at), job.error or "-"]
        for job in unfinished.order_by("-pk")[:JOBS]
    ]
    return {"headers": ["Job", "Status", "Due", "Error"], "rows": rows}
