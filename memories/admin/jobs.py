"""Jobs in the admin: how far they are, what failed and why, and what may be done about it."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memories.admin import people
from memories.admin.embeddings import EXCERPT, excerpt
from memories.jobs import claims
from memories.models import Job, Message
from memories.models.job import OPEN, STOPPED, JobQuerySet
from memories.tasks import wake_job_workers
from tenants import audit
from tenants.admin import Shown
from tenants.admin_base import (
    AutocompleteSelectFilter,
    ButtonPage,
    ChoicesDropdownFilter,
    DayRangeFilter,
    ask_first,
    at,
    display,
    link,
    row_url,
)
from tenants.models import Tenant

STATUS_COLOURS = {
    "queued": "info",
    "running": "warning",
    "succeeded": "success",
    "failed": "danger",
    "cancelled": "info",
}
LOOK_AGAIN = 5  # seconds until the page of an open job is loaded again
BAR = (
    '<svg class="progress" role="img" aria-label="{0}" width="100%" height="8">'
    '<rect width="{1}%" height="8"></rect></svg><span class="text-xs">{0}</span>'
)


@admin.register(Job)
class JobAdmin(Shown, ButtonPage):
    """Calls, commands and schedules queue them; workers write the rest."""

    list_display = (
        "kind",
        "state",
        "progressed",
        "tenant",
        "person",
        "conversation",
        "attempts",
        "reason",
        "times",
    )
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("end_user", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("created_at", DayRangeFilter),
    )
    list_select_related = ("tenant", "end_user", "conversation")
    sortable_by = ()
    actions = ("cancel", "try_again")
    fields = (
        ("kind", "state", "attempts"),
        "progressed",
        ("tenant", "conversation"),
        "person",
        ("created_at", "due_at", "finished_at"),
        "error",
        "asked_for",
        "came_to",
        "id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs: QuerySet[Job] = super().get_queryset(request)
        return jobs.defer("end_user__metadata", "conversation__metadata")

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, job: Job) -> str:
        return job.status

    @display(description="Progress")
    def progressed(self, job: Job) -> SafeString | None:
        """Nothing to draw of a job of one step."""
        if job.total is None:
            return None
        percent = int(100 * job.progress)
        return format_html(BAR, f"{job.done:,} of {job.total:,} ({percent}%)", percent)

    @display(description="End user")
    def person(self, job: Job) -> SafeString | None:
        return link(people.url(job.end_user), job.end_user) if job.end_user else None

    @display(description="Error")
    def reason(self, job: Job) -> SafeString | None:
        return excerpt(job.error) if job.error else None

    @display(description="Times")
    def times(self, job: Job) -> SafeString:
        then = f"finished {at(job.finished_at)}" if job.finished_at else f"due {at(job.due_at)}"
        return format_html('<div class="day text-xs">created {}<br>{}</div>', at(job.created_at), then)

    @display(description="Asked for")
    def asked_for(self, job: Job) -> SafeString | None:
        return _as_json(job.asked)

    @display(description="Result")
    def came_to(self, job: Job) -> SafeString | None:
        return _as_json(job.result)

    def buttons(self, row: Job) -> tuple[str, ...]:
        if row.status in STOPPED:
            return ("try_again",)
        return ("cancel",) if row.status in OPEN and not row.is_cancelled else ()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Model | None = None, **kwargs: Any
    ) -> HttpResponse:
        response: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        if isinstance(obj, Job) and obj.status in OPEN:
            response["Refresh"] = str(LOOK_AGAIN)
        return response

    def below(self, request: HttpRequest, row: Job) -> dict[str, Any]:
        """What people said is shown only to those who may look at messages."""
        read = Message.objects.filter(tenant=row.tenant_id, reading__job=row).order_by("created_at", "pk")
        may_read = request.user.has_perm("memories.view_message")
        lines = read.annotate(text=Left("content", EXCERPT)).values_list("pk", "role", "created_at", "text")
        rows = [
            [at(created_at), role, link(row_url(Message(pk=pk)), excerpt(text) if may_read else pk)]
            for pk, role, created_at, text in lines
        ]
        headers = ["Said", "Role", "Message"]
        return {"below": "memories/admin/job.html", "read": {"headers": headers, "rows": rows}}

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("memories.change_job")

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        opened = Job.objects.filter(pk__in=queryset.values("pk"), status__in=OPEN)
        question, consequence = "Cancel these jobs?", "They stop after the step they are at; what they did stays."
        if page := ask_first(self, request, opened, action="cancel", question=question, consequence=consequence):
            return page
        _audit("admin.cancelled", opened)
        self.message_user(request, f"Jobs cancelled: {claims.cancel(opened)}.", messages.SUCCESS)
        return None

    @admin.action(description="Try again", permissions=["operate"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        stopped = Job.objects.filter(pk__in=queryset.values("pk"), status__in=STOPPED)
        question = "Try these jobs again?"
        consequence = "Those that failed or were cancelled are queued again, and go on where they stopped."
        if page := ask_first(self, request, stopped, action="try_again", question=question, consequence=consequence):
            return page
        _audit("admin.retried", stopped)
        queued = stopped.retry()
        transaction.on_commit(wake_job_workers)
        self.message_user(request, f"Jobs queued again: {queued}.", messages.SUCCESS)
        return None


def _audit(action: str, jobs: JobQuerySet) -> None:
    for tenant in Tenant.objects.filter(pk__in=jobs.values("tenant")):
        audit.record(action, tenant=tenant, jobs=jobs.for_tenant(tenant).count())


def _as_json(value: Any) -> SafeString | None:
    return format_html('<pre class="said">{}</pre>', json.dumps(value, indent=2)) if value else None
