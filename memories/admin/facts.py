"""Facts in the admin: found, read with the turns that they came from, put right, taken away."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from memories.admin import people, playground, timeline
from memories.admin.base import WordsPage
from memories.admin.embeddings import excerpt
from memories.facts import correcting
from memories.facts.confidence import confidence_sql
from memories.models import Fact, FactSource, Message
from memories.models.fact import FactQuerySet
from memories.vocabulary import HIDDEN, Standing
from tenants import audit
from tenants.admin_base import (
    AutocompleteSelectFilter,
    ButtonPage,
    ChoicesDropdownFilter,
    ask_first,
    display,
    link,
    row_url,
)
from tenants.ids import as_uuid
from tenants.isolation import tenant_scope
from tenants.models import EndUser

AT_ONCE = 100
SOURCES = 20
WORDINGS = 50
HINT = "A change makes it certain. What was removed, corrected or merged stays as it is."
NAMESAKES = 1_000  # of other tenants: an external id is unique in its own
STANDING_COLOURS = {
    Standing.HOLDS.label: "success",
    Standing.SUPERSEDED.label: "info",
    Standing.ENDED.label: "info",
    Standing.NOT_ACCEPTED.label: "warning",
    Standing.REMOVED.label: "danger",
    Standing.CORRECTED.label: "danger",
    Standing.MERGED.label: "danger",
}


class CorrectionForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic class at run time
    class Meta:
        model = Fact
        fields = ("content", "category", "slot", "temporal_state", "valid_from", "valid_until")
        widgets = {"content": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        since, until = given.get("valid_from"), given.get("valid_until")
        if since and until and until < since:
            self.add_error("valid_until", "It cannot end before it begins.")
        return given


@admin.register(Fact)
class FactAdmin(WordsPage, ButtonPage):
    """Extractors write them. A person corrects one on its page, which makes it sure, or removes it for good."""

    form = CorrectionForm
    list_display = ("beginning", "person", "tenant", "topic", "state", "sure", "validity")
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("end_user", AutocompleteSelectFilter),
        ("category", ChoicesDropdownFilter),
        ("slot", ChoicesDropdownFilter),
        ("standing", ChoicesDropdownFilter),
        "is_essential",
    )
    list_select_related = ("tenant", "end_user")
    search_fields = ("content",)
    search_help_text = "Part of the content, the client's id of an end user, or an id of ours, both in full"
    sortable_by = ()
    actions = ("remove",)
    custom_urls = (
        ("person/", "memories_fact_person", people.show),
        ("playground/", "memories_fact_playground", playground.show),
    )
    CORRECTABLE = ("content", ("category", "slot", "temporal_state"), "valid_from", "valid_until")
    HELD = (("state", "sure", "confidence"), ("is_essential", "said_at", "last_refreshed_at"), "replaced_by")
    SYSTEM = (("person", "tenant"), ("read_by", "created_at"), "id")
    readonly_fields = (
        *("person", "tenant", "state", "sure", "confidence", "is_essential", "said_at", "last_refreshed_at"),
        *("replaced_by", "read_by", "created_at", "id"),
    )
    fieldsets = (
        (None, {"fields": CORRECTABLE, "description": HINT}),
        ("How it stands", {"fields": HELD}),
        ("Where it is from", {"fields": SYSTEM}),
    )

    # --- List ---------------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fact]:
        facts: QuerySet[Fact] = super().get_queryset(request).select_related("tenant", "end_user")
        return facts.defer("end_user__metadata").annotate(confidence_now=confidence_sql(now=timezone.now()))

    def get_search_results(
        self, request: HttpRequest, queryset: FactQuerySet, search_term: str
    ) -> tuple[FactQuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        whose = EndUser.objects.filter(Q(external_id=term) | Q(pk=as_uuid(term))).values_list("pk", flat=True)
        found = Q(content__icontains=term) | Q(end_user__in=list(whose[:NAMESAKES])) | Q(pk=as_uuid(term))
        return queryset.filter(found), False

    @display(description="Content")
    def beginning(self, fact: Fact) -> SafeString:
        return excerpt(fact.content)

    @display(description="End user")
    def person(self, fact: Fact) -> SafeString:
        return link(people.url(fact.end_user), fact.end_user)

    @display(description="Standing", label=STANDING_COLOURS)
    def state(self, fact: Fact) -> str:
        return fact.get_standing_display()

    @display(description="About")
    def topic(self, fact: Fact) -> SafeString:
        slot = fact.get_slot_display() if fact.slot else "no slot"
        return _two_lines(slot, fact.get_category_display())

    @display(description="Sure now")
    def sure(self, fact: Fact) -> SafeString:
        """Confidence fades; `confidence` is what it was when the fact was last said."""
        now = f"{fact.confidence_now:.2f}"  # type: ignore[attr-defined]  # annotated above
        said = format_html("said {}", timeline.day(fact.last_refreshed_at))
        return _two_lines(format_html("<span>{}{}</span>", timeline.star(fact), now), said)

    @display(description="When")
    def validity(self, fact: Fact) -> SafeString:
        return _two_lines(fact.get_temporal_state_display(), timeline.span(fact))

    # --- Its page -----------------------------------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Fact | None = None) -> bool:
        """What a person or a merger took away stays as it is."""
        return super().has_change_permission(request, obj) and (obj is None or obj.standing not in HIDDEN)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A row that is gone would be extracted again; see `remove`."""
        return False

    def buttons(self, row: Fact) -> tuple[str, ...]:
        return () if row.standing in HIDDEN else ("remove",)

    def below(self, request: HttpRequest, row: Fact) -> dict[str, Any]:
        return {
            "below": "memories/admin/fact.html",
            "sources": _sources(row),
            "may_read": request.user.has_perm("memories.view_message"),
            "replaced": _table(Fact.objects.about(row.end_user).filter(replaced_by=row).order_by("-valid_from", "pk")),
        }

    def save_model(self, request: HttpRequest, obj: Fact, form: CorrectionForm, change: bool) -> None:
        if not form.changed_data:
            return
        with tenant_scope(obj.tenant):
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            correcting.correct(obj, changes, now=timezone.now())

    def _for_log(self, row: Model) -> Model:
        return Fact(pk=row.pk, tenant=row.tenant, content=str(row.pk))  # type: ignore[attr-defined]  # each has one

    # --- Removing -----------------------------------------------------------------------------------------------------

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("memories.delete_fact")

    @admin.action(description="Remove", permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        told = Fact.objects.told().filter(pk__in=queryset.values("pk")).select_related("tenant", "end_user")
        if self.too_many(request, told, AT_ONCE):
            return None
        question = "Remove these facts?"
        consequence = "They are told to nobody any more, and are not learned again from what was or will be said."
        if page := ask_first(self, request, told, action="remove", question=question, consequence=consequence):
            return page
        chosen = list(told)
        for fact in chosen:
            self._remove(fact)
        self.message_user(request, f"Facts removed: {len(chosen)}.", messages.SUCCESS)
        return None

    def _remove(self, fact: Fact) -> None:
        with tenant_scope(fact.tenant):
            correcting.remove(fact, now=timezone.now())
        audit.record("admin.removed", fact, tenant=fact.tenant)


def _two_lines(first: str, second: str) -> SafeString:
    return format_html('<div class="day">{}<br><span class="text-xs">{}</span></div>', first, second)


def _sources(fact: Fact) -> list[dict[str, Any]]:
    """The messages that the fact came from, the first SOURCES of them; `message` is None where it is gone."""
    cited = FactSource.objects.filter(tenant=fact.tenant_id, fact=fact).order_by("message_id")
    ids = list(cited.values_list("message_id", flat=True)[:SOURCES])
    messages = Message.objects.filter(tenant=fact.tenant_id).defer("metadata").in_bulk(ids)
    return [{"id": one, "message": messages.get(one)} for one in ids]


def _table(facts: QuerySet[Fact]) -> dict[str, Any]:
    rows = [
        [link(row_url(fact), excerpt(fact.content)), fact.get_standing_display(), timeline.span(fact)]
        for fact in facts[:WORDINGS]
    ]
    return {"headers": ["Fact", "Standing", "Valid"], "rows": rows}
