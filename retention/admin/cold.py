"""Files of cold storage in the admin: verified and restored."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat

from retention import cold
from retention.cold_files import CorruptColdFile
from retention.models import ColdFile
from tenants.admin import Shown
from tenants.admin_base import AutocompleteSelectFilter, ButtonPage, DayRangeFilter, ask_first, display

AT_ONCE = 10


@admin.register(ColdFile)
class ColdFileAdmin(Shown, ButtonPage):
    list_display = ("created_at", "tenant", "messages", "size", "oldest", "newest", "state", "path")
    list_filter = (("tenant", AutocompleteSelectFilter), ("created_at", DayRangeFilter))
    list_select_related = ("tenant",)
    sortable_by = ()
    actions = ("verify", "restore")
    fields = (
        ("tenant", "run", "state"),
        ("messages", "size", "created_at"),
        ("oldest", "newest", "restored_at"),
        "path",
        "sha256",
    )

    @display(description="Size")
    def size(self, file: ColdFile) -> str:
        return filesizeformat(file.bytes)

    @display(description="State", label={"in cold storage": "info", "restored": "success"})
    def state(self, file: ColdFile) -> str:
        return "restored" if file.restored_at else "in cold storage"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ColdFile]:
        found: QuerySet[ColdFile] = super().get_queryset(request)
        return found.select_related("tenant")

    def buttons(self, row: ColdFile) -> tuple[str, ...]:
        return ("verify",) if row.restored_at else ("verify", "restore")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("retention.change_coldfile")

    @admin.action(description="Verify", permissions=["view"])
    def verify(self, request: HttpRequest, queryset: QuerySet[ColdFile]) -> None:
        if self.too_many(request, queryset, AT_ONCE):
            return
        sound = len(self._each(request, queryset, cold.check))
        self.message_user(request, f"Files found to be as they were written: {sound}.", messages.SUCCESS)

    @admin.action(description="Restore", permissions=["operate"])
    def restore(self, request: HttpRequest, queryset: QuerySet[ColdFile]) -> HttpResponse | None:
        if self.too_many(request, queryset, AT_ONCE):
            return None
        question = "Bring the messages of this file back?"
        consequence = (
            "They come back as they were, with their vectors. The next run may move them again: pin them, or change "
            "the rule first. The file stays."
        )
        if page := ask_first(self, request, queryset, action="restore", question=question, consequence=consequence):
            return page
        done = self._each(request, queryset.filter(restored_at=None), cold.restore)
        back, skipped = sum(one.messages for one in done), sum(one.skipped for one in done)
        self.message_user(request, f"Messages restored: {back:,}; already there: {skipped:,}.", messages.SUCCESS)
        return None

    def _each(self, request: HttpRequest, files: Iterable[ColdFile], act: Callable[[ColdFile], Any]) -> list[Any]:
        """What `act` returned for each sound file; of others the operator is told."""
        done = []
        for file in files:
            try:
                done.append(act(file))
            except CorruptColdFile as error:
                self.message_user(request, str(error), messages.ERROR)
        return done
