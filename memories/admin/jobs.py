"""Jobs of the fact engine in the admin: what waits, what failed and why, and the action that has it tried again."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memories.admin import people
from memories.admin.embeddings import EXCERPT, excerpt
from memories.models import Job, JobStatus, Message
from memories.tasks import wake_fact_worker
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

STATUS_COLOURS = {"queued": "info", "running": "warning", "succeeded": "success", "failed": "danger"}


@admin.register(Job)
class JobAdmin(Shown, ButtonPage):
    """Turns that are stored, and weeks that pass, queue them."""

    list_display = (
        "kind",
        "state",
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
    actions = ("try_again",)
    fields = (
        ("kind", "state", "attempts"),
        ("tenant", "conversation"),
        "person",
        ("created_at", "due_at", "finished_at"),
        "error",
        "came_to",
        "id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs: QuerySet[Job] = super().get_queryset(request)
        return jobs.defer("end_user__metadata", "conversation__metadata")

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, job: Job) -> str:
        return job.status

    @display(description="End user")
    def person(self, job: Job) -> SafeString:
        return link(people.url(job.end_user), job.end_user)

    @display(description="Error")
    def reason(self, job: Job) -> SafeString | None:
        return excerpt(job.error) if job.error else None

    @display(description="Times")
    def times(self, job: Job) -> SafeString:
        then = f"finished {at(job.finished_at)}" if job.finished_at else f"due {at(job.due_at)}"
        return format_html('<div class="day text-xs">created {}<br>{}</div>', at(job.created_at), then)

    @display(description="Result")
    def came_to(self, job: Job) -> SafeString | None:
        return format_html('<pre class="said">{}</pre>', json.dumps(job.result, indent=2)) if job.result else None

    def buttons(self, row: Job) -> tuple[str, ...]:
        return ("try_again",) if row.status == JobStatus.FAILED else ()

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

    @admin.action(description="Try again", permissions=["operate"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        failed = Job.objects.filter(pk__in=queryset.values("pk"), status=JobStatus.FAILED)
        question, consequence = "Try these jobs again?", "Those that failed are queued from the start."
        if page := ask_first(self, request, failed, action="try_again", question=question, consequence=consequence):
            return page
        for tenant in Tenant.objects.filter(pk__in=failed.values("tenant")):
            audit.record("admin.retried", tenant=tenant, jobs=failed.for_tenant(tenant).count())
        queued = failed.retry()
        transaction.on_commit(wake_fact_worker)
        self.message_user(request, f"Jobs queued again: {queued}.", messages.SUCCESS)
        return None
