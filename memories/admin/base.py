"""What the pages of stored conversation share: their order, how they delete, what the log of changes keeps."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from memories import editing
from memories.models import Hold
from memories.models.hold import HoldQuerySet
from memories.models.message import MessageQuerySet
from tenants import audit
from tenants.admin import in_a_row
from tenants.admin_base import TENANT_FILTER, Page, ask_first, link
from tenants.ids import as_uuid
from tenants.models import Tenant

CONVERSATION_FILTER = "conversation__id__exact"
DELETED_AT_ONCE = 1_000
HELD = "A legal hold keeps this from being changed or deleted; release the hold first. Nothing was done."


class Chooser(AutocompleteSelect):
    """Offers rows by what is typed; what is no id at all, as an address may have it, chooses none."""

    def optgroups(self, name: str, value: Sequence[str], attrs: dict[str, Any] | None = None) -> Any:
        return super().optgroups(name, [one for one in value if not one or as_uuid(one)], attrs)


class WordsPage(Page):
    """Rows that hold what people said: never added here, in the order of their time, and not quoted in the log."""

    log_fields: tuple[str, ...] = ()

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By time within a tenant or conversation, as their indexes are; over all, by id."""
        within = {TENANT_FILTER, CONVERSATION_FILTER} & request.GET.keys()
        return ("-created_at", "-id") if within else ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        return super().log_change(request, self._for_log(obj), message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        return super().log_deletions(request, [self._for_log(one) for one in queryset])

    def _for_log(self, row: Model) -> Model:
        """The log outlives its rows: it keeps an id, the tenant and `log_fields`, never what people said."""
        kept: Model = self.model(pk=row.pk, **{name: getattr(row, name) for name in ("tenant", *self.log_fields)})
        return kept


class StoredPage(WordsPage):
    """Rows that clients wrote: looked at here, and deleted only through `memories.editing`."""

    actions: tuple[str, ...] = ("delete_selected",)

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
        return self._unless_held(request, lambda: self._delete_chosen(request, chosen))

    def _delete_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        deleted = len(self.log_deletions(request, chosen))
        self.delete_queryset(request, chosen)
        self.message_user(request, f"Deleted {self.opts.verbose_name_plural}: {deleted}.", messages.SUCCESS)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        return self._unless_held(request, lambda: super(StoredPage, self).changeform_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        return self._unless_held(request, lambda: super(StoredPage, self).delete_view(request, *args, **kwargs))

    def _unless_held(self, request: HttpRequest, act: Callable[[], HttpResponse | None]) -> HttpResponse | None:
        """What `act` returns; where a legal hold stops it, nothing has happened and the operator is told so."""
        try:
            with transaction.atomic():
                return act()
        except editing.Held:
            self.message_user(request, HELD, messages.ERROR)
            return redirect(request.get_full_path())

    # --- Archiving ---------------------------------------------------------------------------------------------------

    def messages_of(self, queryset: QuerySet[Any]) -> MessageQuerySet:
        """The messages that archiving these rows means."""
        raise NotImplementedError

    def has_archive_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("memories.change_message")

    @admin.action(description="Archive", permissions=["archive"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        question = f"Archive these {self.opts.verbose_name_plural}?"
        consequence = "Their messages are hidden from search and lists, and can be restored."
        if page := ask_first(self, request, queryset, action="archive", question=question, consequence=consequence):
            return page
        free = self.messages_of(queryset).free_of(Hold.objects.legal())
        self._act_for_each_tenant(request, free, "archived", partial(editing.archive, at=timezone.now()))
        if held := self.messages_of(queryset).live().count():
            self.message_user(request, f"Messages that a legal hold keeps as they are: {held}.", messages.WARNING)
        return None

    @admin.action(description="Restore", permissions=["archive"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        question = f"Restore these {self.opts.verbose_name_plural}?"
        consequence = "Their archived messages are found again. Retention may archive them again: pin what shall stay."
        if page := ask_first(self, request, queryset, action="restore", question=question, consequence=consequence):
            return page
        self._act_for_each_tenant(request, self.messages_of(queryset), "restored", editing.restore)
        return None

    def _act_for_each_tenant(
        self, request: HttpRequest, chosen: MessageQuerySet, done: str, act: Callable[[MessageQuerySet], int]
    ) -> None:
        counts = {}
        for tenant in Tenant.objects.filter(pk__in=chosen.values("tenant")):
            counts[tenant] = act(chosen.for_tenant(tenant))
            audit.record(f"admin.{done}", tenant=tenant, messages=counts[tenant])
        self.message_user(request, f"Messages {done}: {sum(counts.values())}.", messages.SUCCESS)


def holds_and_links(holds: HoldQuerySet, row: Model, name: str, *kinds: Hold.Kind) -> SafeString:
    """Links to these holds, and to forms that place one of each of `kinds` on `row`, which a hold calls `name`."""
    standing = [link(reverse("admin:memories_hold_change", args=[hold.pk]), hold) for hold in holds]
    target = {"on": name, name: row.pk, "tenant": row.tenant_id}  # type: ignore[attr-defined]  # each has one
    forms = [f"{reverse('admin:memories_hold_add')}?{urlencode({'kind': kind.value, **target})}" for kind in kinds]
    placing = [link(form, f"Place a {kind.label.lower()}") for form, kind in zip(forms, kinds, strict=True)]
    return in_a_row([*standing, *placing])
