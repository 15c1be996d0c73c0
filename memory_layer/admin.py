"""The admin as a whole: its sidebar, and other packages' models in the look of ours."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from memory_layer import tenant_page
from tenants import audit
from tenants.admin_base import Audited

__all__ = ["navigation", "tenant_page"]

Action = Callable[[Any, HttpRequest, QuerySet[Any]], Any]

SIDEBAR = {
    "Tenants": {
        "tenants.tenant": ("Tenants", "domain"),
        "tenants.enduser": ("End users", "face"),
        "tenants.apikey": ("API keys", "key"),
    },
    "Memory": {
        "memories.conversation": ("Conversations", "forum"),
        "memories.message": ("Messages", "chat"),
        "memories.messageembedding": ("Embeddings", "scatter_plot"),
        "memories.message.search": ("Search", "manage_search"),
    },
    "Facts": {
        "memories.fact": ("Facts", "fact_check"),
        "memories.fact.person": ("People", "timeline"),
        "memories.tokenspend": ("Token spend", "toll"),
        "memories.fact.playground": ("Playground", "science"),
    },
    "Retention": {
        "retention.policy": ("Policies", "auto_delete"),
        "retention.rule": ("Rules", "rule"),
        "retention.run": ("Runs", "play_circle"),
        "memories.hold": ("Holds", "gavel"),
        "retention.coldfile": ("Cold storage", "ac_unit"),
        "retention.receipt": ("Receipts", "receipt_long"),
    },
    "Operations": {
        "memories.job": ("Jobs", "pending_actions"),
        "django_celery_beat.periodictask": ("Periodic tasks", "schedule"),
        "django_celery_beat.intervalschedule": ("Intervals", "timer"),
        "django_celery_beat.crontabschedule": ("Crontabs", "calendar_month"),
    },
    "Operators": {
        "auth.user": ("Users", "person"),
        "auth.group": ("Groups", "group"),
        "tenants.auditevent": ("Audit trail", "history"),
    },
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: what this operator may see. Of two addresses that the page's begins with, the longer one is its."""
    groups = {title: _items(request, pages) for title, pages in SIDEBAR.items()}
    items = [item for group in groups.values() for item in group if request.path.startswith(item["link"])]
    for item in sorted(items, key=lambda item: len(item["link"]))[-1:]:
        item["active"] = True
    return [{"title": title, "items": group} for title, group in groups.items() if group]


def _items(request: HttpRequest, pages: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    items = []
    for label, (title, icon) in pages.items():
        app, model, *_ = label.split(".")
        if request.user.has_perms([f"{app}.view_{model}"]):
            items.append({"title": title, "icon": icon, "link": address(label), "active": False})
    return items


def address(label: str) -> str:
    """Of a model's list ("app.model"), or of a page beside it ("app.model.page")."""
    app, model, page = [*label.split("."), "changelist"][:3]
    return reverse(f"admin:{app}_{model}_{page}")


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]
    """The registered tasks, in our look."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


class PeriodicTaskInline(beat.PeriodicTaskInline, TabularInline):  # type: ignore[misc]
    pass


for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule, User, Group):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, Audited):  # type: ignore[misc]
    form = PeriodicTaskForm
    change_form_template = None  # theirs has an inline script, which our Content-Security-Policy forbids
    date_hierarchy = None
    list_display = ("name", "enabled", "scheduler", "last_run_at", "total_run_count")
    list_filter = ("enabled", "one_off")
    show_full_result_count = False

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Action, str, str]]:
        """Theirs (enable, disable, toggle, run) log nothing by themselves."""
        found: dict[str, tuple[Action, str, str]] = super().get_actions(request)
        theirs = {name: found[name] for name in self.actions if name in found}
        return found | {name: (audited(act, name), name, title) for name, (act, _, title) in theirs.items()}


def audited(act: Action, name: str) -> Action:
    def act_on_the_record(page: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for row in queryset:
            audit.record(f"admin.{name}", row)
        return act(page, request, queryset)

    return act_on_the_record


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(beat.IntervalScheduleAdmin, Audited):  # type: ignore[misc]
    inlines = (PeriodicTaskInline,)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat.CrontabScheduleAdmin, Audited):  # type: ignore[misc]
    inlines = (PeriodicTaskInline,)


@admin.register(SolarSchedule)
class SolarScheduleAdmin(beat.SolarScheduleAdmin, Audited):  # type: ignore[misc]
    inlines = (PeriodicTaskInline,)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(beat.ClockedScheduleAdmin, Audited):  # type: ignore[misc]
    inlines = (PeriodicTaskInline,)


@admin.register(User)
class OperatorAdmin(UserAdmin, Audited):  # type: ignore[misc, type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()  # the pair of boxes is wider than a page


@admin.register(Group)
class OperatorGroupAdmin(GroupAdmin, Audited):  # type: ignore[misc]
    filter_horizontal = ()
