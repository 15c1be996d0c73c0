"""What the pages of stored conversation share: their order, how they delete, what the log of changes keeps."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from tenants.admin_base import TENANT_FILTER, Page, ask_first

CONVERSATION_FILTER = "conversation__id__exact"
DELETED_AT_ONCE = 1_000


class StoredPage(Page):
    """Rows that clients wrote: looked at here, never added, and deleted only through `memories.editing`."""

    actions: tuple[str, ...] = ("delete_selected",)
    log_fields: tuple[str, ...] = ()

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By time within a tenant or conversation, as their indexes are; over all, by id."""
        within = {TENANT_FILTER, CONVERSATION_FILTER} & request.GET.keys()
        return ("-created_at", "-id") if within else ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_deleted_objects(
        self, objs: Iterable[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Only what was chosen: to collect all that hangs on it would load every message and vector."""
        chosen = [str(one) for one in objs]
        return chosen, {str(self.opts.verbose_name_plural): len(chosen)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.delete_queryset(request, self.model.objects.filter(pk=obj.pk))

    @admin.action(description="Delete selected %(verbose_name_plural)s", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        chosen = self.model.objects.filter(pk__in=queryset.values("pk")).select_related("tenant")
        if chosen[DELETED_AT_ONCE:].exists():
            self.message_user(request, f"Delete at most {DELETED_AT_ONCE} at once: narrow the list.", messages.ERROR)
            return None
        question, consequence = f"Delete these {self.opts.verbose_name_plural}?", "They are gone for good."
        if page := ask_first(
            self, request, chosen, action="delete_selected", question=question, consequence=consequence
        ):
            return page
        deleted = len(self.log_deletions(request, chosen))
        self.delete_queryset(request, chosen)
        self.message_user(request, f"Deleted {self.opts.verbose_name_plural}: {deleted}.", messages.SUCCESS)
        return None

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        return super().log_change(request, self._for_log(obj), message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        return super().log_deletions(request, [self._for_log(one) for one in queryset])

    def _for_log(self, row: Model) -> Model:
        """The log outlives its rows: it keeps an id, the tenant and `log_fields`, never what people said."""
        kept: Model = self.model(pk=row.pk, **{name: getattr(row, name) for name in ("tenant", *self.log_fields)})
        return kept
