"""Runs in the admin: what was planned and done, drawn; and what may be done about it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.utils import display_for_label
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from memories.tasks import wake_operation_worker
from retention import restoring, runs
from retention.admin import plan_pictures
from retention.models import Action, Run, every_action
from tenants.admin import Shown
from tenants.admin_base import (
    AutocompleteSelectFilter,
    ButtonPage,
    ChoicesDropdownFilter,
    DayRangeFilter,
    ask_first,
    display,
    row_url,
)

AT_ONCE = 20
RESTORED_AT_ONCE = 20_000
LOOK_AGAIN = 5  # seconds until the page of a running run is loaded again
STATUS_COLOURS = {"running": "warning", "completed": "success", "failed": "danger", "cancelled": "info"}


def state_label(run: Run) -> SafeString:
    label: SafeString = display_for_label(run.status, "-", STATUS_COLOURS)
    return label


def done_text(run: Run) -> str:
    """What has come of its plan, as "2 archived, 1 skipped"."""
    counts = {name: getattr(run, name) for name in ("archived", "deleted", "moved", "skipped")}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


@admin.register(Run)
class RunAdmin(Shown, ButtonPage):
    """Adding one makes a dry run; from its page it is run for real."""

    list_display = (
        "created_at",
        "tenant",
        "kind",
        "state",
        "planned_total",
        "done",
        "progressed",
        "trigger",
    )
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("status", ChoicesDropdownFilter),
        "dry_run",
        ("created_at", DayRangeFilter),
    )
    list_select_related = ("tenant",)
    autocomplete_fields = ("tenant",)
    sortable_by = ()
    actions = ("enforce", "cancel", "restore")
    PLAN = "Makes a dry run: it shows what would be done now, by the policy and rules in force, and changes nothing."
    add_fieldsets = ((None, {"fields": ("tenant", "actions"), "description": PLAN}),)
    OF_EACH = (("tenant", "kind", "state"), ("trigger", "actions_text", "planned_for"))
    OF_REAL = (("created_at", "finished_at", "total"), ("archived", "deleted"), ("moved", "skipped"))

    @display(description="Kind", label={"dry run": "info", "for real": "warning"})
    def kind(self, run: Run) -> str:
        return "dry run" if run.dry_run else "for real"

    @display(description="State", label=STATUS_COLOURS)
    def state(self, run: Run) -> str:
        return run.status

    @display(description="Planned")
    def planned_total(self, run: Run) -> str:
        return f"{run.total:,}"

    @display(description="Done")
    def done(self, run: Run) -> str | None:
        return done_text(run) or None

    @display(description="Progress")
    def progressed(self, run: Run) -> str | None:
        return None if run.dry_run else f"{run.progress:.0%}"

    @display(description="Actions")
    def actions_text(self, run: Run) -> str:
        return ", ".join(Action(action).label for action in run.actions)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        found: QuerySet[Run] = super().get_queryset(request).select_related("tenant")
        return found.defer("planned", "sample", "error")

    # --- A dry run ---------------------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("retention.add_run")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "actions":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        boxes = UnfoldAdminCheckboxSelectMultipleWidget()
        return forms.MultipleChoiceField(choices=Action.choices, initial=every_action(), widget=boxes)

    def save_model(self, request: HttpRequest, obj: Run, form: Any, change: bool) -> None:
        planned = runs.begin(obj.tenant, trigger=Run.Trigger.ADMIN, dry_run=True, actions=obj.actions)
        obj.pk, obj.created_at = planned.pk, planned.created_at

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        return redirect(row_url(obj))

    # --- Its page ----------------------------------------------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: Run | None = None) -> tuple[Any, ...]:
        """A dry run has done nothing that could be counted."""
        if obj is None or obj.dry_run:
            return self.OF_EACH
        return (*self.OF_EACH, *self.OF_REAL, *(("error",) if obj.error else ()))

    def buttons(self, row: Run) -> tuple[str, ...]:
        if row.dry_run:
            return ("enforce",)
        return ("cancel",) if row.status == Run.Status.RUNNING else ("restore",) * bool(row.archived)

    def below(self, request: HttpRequest, row: Run) -> dict[str, Any]:
        return plan_pictures.of(request, row)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Model | None = None, **kwargs: Any
    ) -> HttpResponse:
        response = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        if isinstance(obj, Run) and obj.status == Run.Status.RUNNING:
            response["Refresh"] = str(LOOK_AGAIN)
        return response

    # --- Actions -----------------------------------------------------------------------------------------------------

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("retention.change_run")

    @admin.action(description="Run this for real", permissions=["operate"])
    def enforce(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        question = "Run this for real?"
        consequence = (
            "The same actions are planned anew, for the messages as they are now and by the policy and rules in force, "
            "and carried out: what is archived can be restored, what is deleted is gone for good."
        )
        if self.too_many(request, queryset, AT_ONCE):
            return None
        if page := ask_first(self, request, queryset, action="enforce", question=question, consequence=consequence):
            return page
        begun = [run for dry in queryset.filter(dry_run=True) if (run := self._begun(request, dry))]
        self.message_user(request, f"Runs begun: {len(begun)}.", messages.SUCCESS if begun else messages.WARNING)
        return redirect(row_url(begun[0])) if len(begun) == 1 else None

    def _begun(self, request: HttpRequest, dry: Run) -> Run | None:
        try:
            run = runs.begin(dry.tenant, trigger=Run.Trigger.ADMIN, dry_run=False, actions=dry.actions)
        except runs.AlreadyRunning:
            sentence = f"Another run of {dry.tenant} is not finished; wait for it, or cancel it."
            self.message_user(request, sentence, messages.ERROR)
            return None
        transaction.on_commit(wake_operation_worker)
        return run

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        question, consequence = "Cancel this?", "A run stops after the batch it is at; what it has done stays."
        if page := ask_first(self, request, queryset, action="cancel", question=question, consequence=consequence):
            return page
        cancelled = sum(runs.cancel(run) for run in queryset.running())  # type: ignore[attr-defined]  # RunQuerySet
        self.message_user(request, f"Runs cancelled: {cancelled}.", messages.SUCCESS)
        return None

    @admin.action(description="Restore what this archived", permissions=["operate"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        question = "Restore what this archived?"
        consequence = (
            "What it archived, and nobody else did, is found again. The next run may archive it again: pin it, or "
            "change the policy first."
        )
        if page := ask_first(self, request, queryset, action="restore", question=question, consequence=consequence):
            return page
        ended = queryset.exclude(status=Run.Status.RUNNING).filter(dry_run=False)
        restored = sum(self._restored(request, run) for run in ended)
        self.message_user(request, f"Messages restored: {restored:,}.", messages.SUCCESS)
        return None

    def _restored(self, request: HttpRequest, run: Run) -> int:
        if restoring.archived(run.tenant, run=run)[RESTORED_AT_ONCE:].exists():
            job = restoring.queue(run.tenant, run=run)
            transaction.on_commit(wake_operation_worker)
            sentence = format_html('A job restores what the {} archived: <a href="{}">see it</a>.', run, row_url(job))
            self.message_user(request, sentence, messages.INFO)
            return 0
        return restoring.restore(run.tenant, run=run)
