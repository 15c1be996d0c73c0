"""What the pages of the admin share: the audit trail, no COUNT over a large table, a question before an action."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import date
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold import decorators
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    FieldTextFilter,
    RangeDateFilter,
)
from unfold.utils import parse_date_str
from unfold.views import ChangeList

from tenants import audit
from tenants.models import Tenant

__all__ = [
    "Audited",
    "AutocompleteSelectFilter",
    "ButtonPage",
    "CappedPaginator",
    "ChoicesDropdownFilter",
    "DayRangeFilter",
    "DropdownFilter",
    "FieldTextFilter",
    "Page",
    "ReadOnlyInline",
    "ask_first",
    "at",
    "display",
    "enters_own_scopes",
    "link",
    "list_url",
    "once",
    "row_url",
]

Column = TypeVar("Column", bound=Callable[..., Any])
View = TypeVar("View", bound=Callable[..., HttpResponse])

TENANT_FILTER = "tenant__id__exact"
NAMED_IN_QUESTION = 20


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # no generic class at run time
    """Counts up to CAP rows: an exact count of a large table takes longer than the page it is for."""

    CAP = 10_000
    template_name = "tenants/admin/capped_pagination.html"

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any, Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by().values("pk")[: self.CAP].count()

    @property
    def is_capped(self) -> bool:
        return self.count >= self.CAP


class CappedChangeList(ChangeList):  # type: ignore[misc]
    """Says beside the title how many were found only where that is known and not simply all."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.paginator.is_capped or not (self.has_active_filters or self.query):
            self.full_result_count = self.result_count


class Audited(ModelAdmin):  # type: ignore[misc]
    """What operators change here stands in the audit trail too: which fields, never what they held."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        audit.record("admin.added", obj, tenant=_tenant_of(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        audit.record("admin.changed", obj, tenant=_tenant_of(obj), fields=_changed_fields(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        for row in queryset:
            audit.record("admin.deleted", row, tenant=_tenant_of(row))
        return super().log_deletions(request, queryset)


def _tenant_of(row: Model) -> Tenant | None:
    return row if isinstance(row, Tenant) else getattr(row, "tenant", None)


def _changed_fields(message: Any) -> list[str]:
    """Of Django's log message: a list of what changed, or a sentence, which names no field."""
    parts = [] if isinstance(message, str) else message
    return [str(name) for part in parts for name in part.get("changed", {}).get("fields", [])]


class Page(Audited):
    """A model's pages, quick at a million rows. Ids are version 7: descending by id is newest first, by an index."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    ordering: tuple[str, ...] = ("-id",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CappedChangeList]:
        return CappedChangeList


class ButtonPage(Page):
    """Buttons on a row's page do what the actions of the list do: posted to it, allowed and asked about as there."""

    change_form_outer_before_template = "tenants/admin/buttons.html"
    change_form_outer_after_template = "tenants/admin/below.html"

    def buttons(self, row: Any) -> tuple[str, ...]:
        """Names of the actions that make sense for this row."""
        return tuple(self.actions)

    def below(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Context of what stands below the form: `below`, a template, and what that one needs."""
        return {}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Model | None = None, **kwargs: Any
    ) -> HttpResponse:
        if obj:
            allowed = self.get_actions(request)
            offered = [(name, allowed[name][2]) for name in self.buttons(obj) if name in allowed]
            context |= {"buttons": offered, **self.below(request, obj)}
        response: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return response

    def too_many(self, request: HttpRequest, queryset: QuerySet[Any], limit: int) -> bool:
        """Whether these rows are more than one request should work on; then it says so."""
        if not queryset[limit:].exists():
            return False
        self.message_user(request, f"At most {limit} at once: choose fewer.", messages.ERROR)
        return True


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    """Rows that the system writes."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DayRangeFilter(RangeDateFilter):  # type: ignore[misc]
    """Whole days in UTC, the last one included."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = (parse_date_str(self.used_parameters.get(f"{self.field_path}_{end}")) for end in ("from", "to"))
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": datetime.combine(first, time(), UTC)})
        if last:
            after = datetime.combine(last, time(), UTC) + timedelta(days=1)
            queryset = queryset.filter(**{f"{self.field_path}__lt": after})
        return queryset


def display(
    *, description: str | None = None, ordering: str | None = None, label: dict[str, str] | None = None
) -> Callable[[Column], Column]:
    """unfold's decorator, typed; `label` gives each value a colour: info, success, warning or danger."""
    decorator = decorators.display(description=description, ordering=ordering, label=label)
    return cast("Callable[[Column], Column]", decorator)


def once(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A column that asks the database does so once a row: the template of a row's page shows it several times over."""

    @wraps(method)
    def shown(page: Any, row: Model) -> Any:
        kept = vars(row).setdefault("_shown", {})
        if method.__name__ not in kept:
            kept[method.__name__] = method(page, row)
        return kept[method.__name__]

    return shown


def at(time: Any) -> str:
    """A time as tables show it."""
    return date(time, "Y-m-d H:i") if time else "-"


def row_url(row: Model) -> str:
    """The address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_url(model: str, **filters: object) -> str:
    """The address of the list of `model` (app_model) under `filters` (field lookups)."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(filters)}"


def link(url: str, text: object) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def ask_first(
    page: Page, request: HttpRequest, queryset: QuerySet[Any], *, action: str, question: str, consequence: str
) -> HttpResponse | None:
    """The page that asks before `action` runs on `queryset`; None once the answer was yes."""
    if "confirmed" in request.POST:
        return None
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": question,
        "consequence": consequence,
        "count": queryset.count(),
        "named": _names(queryset.defer(None)[:NAMED_IN_QUESTION]),
        "action": action,
        "checkbox": ACTION_CHECKBOX_NAME,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
    }
    return TemplateResponse(request, "tenants/admin/ask_first.html", context)


def _names(rows: Iterable[Model]) -> list[str]:
    return [str(row) for row in rows]


def enters_own_scopes(view: View) -> View:
    """Mark a view of the admin that waits for a model: no transaction is opened for it, it enters scopes itself."""
    view.enters_own_scopes = True  # type: ignore[attr-defined]
    return view
