"""Messages in the admin: found, archived, embedded again."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldBooleanSwitchWidget

from memories import editing, embedding_models
from memories.admin import search
from memories.admin.base import StoredPage, holds_and_links
from memories.admin.embeddings import (
    EXCERPT,
    STATUS_COLOURS,
    EmbedAgainPage,
    EmbeddingInline,
    excerpt,
)
from memories.models import Conversation, EmbeddingStatus, Hold, Message, MessageEmbedding, Posting
from memories.models.embedding import MessageEmbeddingQuerySet
from memories.models.message import MessageQuerySet
from memories.ranking.words import alternatives
from tenants.admin_base import (
    TENANT_FILTER,
    AutocompleteSelectFilter,
    CappedPaginator,
    ChoicesDropdownFilter,
    DayRangeFilter,
    DropdownFilter,
    display,
    link,
    once,
    row_url,
)
from tenants.ids import as_uuid

NAMESAKES = 1_000  # conversations of other tenants: an external id is unique in its own
UNREAD_IN_LISTS = (
    "content",
    "metadata",
    "conversation__metadata",
    "end_user__metadata",
)


class EmbeddingStatusFilter(DropdownFilter):  # type: ignore[misc]
    title = "embedding status"
    parameter_name = "embedding_status"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Message]") -> list[tuple[str, str]]:
        return EmbeddingStatus.choices

    def queryset(self, request: HttpRequest, queryset: MessageQuerySet) -> MessageQuerySet:
        status = self.value()
        if not status:
            return queryset
        served = {"embeddings__model": embedding_models.serving_of("tenant__")}
        known = {"embeddings__model__in": embedding_models.all_serving()}  # which an index serves
        return queryset.filter(embeddings__status=status, **served, **known)


class ArchivedFilter(DropdownFilter):  # type: ignore[misc]
    title = "archived"
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Message]") -> list[tuple[str, str]]:
        return [("yes", "Archived"), ("no", "Not archived")]

    def queryset(self, request: HttpRequest, queryset: MessageQuerySet) -> MessageQuerySet:
        match self.value():
            case "yes":
                return queryset.archived()
            case "no":
                return queryset.live()
        return queryset


class FoundPaginator(CappedPaginator):
    """Where two words each stand in many messages, and seldom together, it takes long to count further."""

    CAP = 1_000


class MessageForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic class at run time
    archived = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, help_text="Hidden from search, and restorable."
    )

    class Meta:
        model = Message
        fields = ("importance_override",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["archived"] = self.instance.archived_at is not None


@admin.register(Message)
class MessageAdmin(StoredPage, EmbedAgainPage):
    form = MessageForm
    list_display = (
        "beginning",
        "role",
        "tenant",
        "conversation",
        "end_user",
        "embedding",
        "importance",
        "created_at",
        "archived",
    )
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("conversation", AutocompleteSelectFilter),
        ("role", ChoicesDropdownFilter),
        EmbeddingStatusFilter,
        ArchivedFilter,
        ("created_at", DayRangeFilter),
    )
    search_fields = ("content",)
    search_help_text = "An id in full, or words"
    actions = ("embed_again", "archive", "restore", "delete_selected")
    inlines = (EmbeddingInline,)
    custom_urls = (("search/", "memories_message_search", search.show),)
    log_fields = ("role",)
    SYSTEM = ("id", "external_id", "importance", "created_at", "updated_at", "archived_at")
    SAID = ("tenant", "in_conversation", "end_user", "role", "whole", "metadata")
    readonly_fields = (*SAID, "holds", *SYSTEM)
    fieldsets = (
        (None, {"fields": SAID}),
        ("Changeable", {"fields": ("importance_override", "archived")}),
        ("Kept by", {"fields": ("holds",)}),
        ("System", {"fields": SYSTEM}),
    )

    def get_queryset(self, request: HttpRequest) -> MessageQuerySet:
        messages: MessageQuerySet = (
            super().get_queryset(request).for_display(model=embedding_models.serving_of("tenant__"))
        )
        return messages.defer(*UNREAD_IN_LISTS).annotate(text=Left("content", EXCERPT))

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        """Only where an index of the tenant's messages serves the order."""
        return ("importance", "created_at") if TENANT_FILTER in request.GET else ()

    def get_search_results(
        self, request: HttpRequest, queryset: MessageQuerySet, search_term: str
    ) -> tuple[MessageQuerySet, bool]:
        """By an id in full, or else by words: the two in one condition would leave no index that serves it."""
        term = search_term.strip()
        if not term:
            return queryset, False
        known = next((found for found in _with_id(term) if queryset.filter(found).exists()), None)
        return queryset.filter(known or _with_all_words(term)), False

    def get_paginator(
        self, request: HttpRequest, queryset: MessageQuerySet, per_page: int, **options: Any
    ) -> CappedPaginator:
        kind = FoundPaginator if SEARCH_VAR in request.GET else CappedPaginator
        return kind(queryset, per_page, **options)

    @display(description="Content")
    def beginning(self, message: Message) -> SafeString:
        return excerpt(message.text)  # type: ignore[attr-defined]  # annotated above

    @display(description="Content")
    def whole(self, message: Message) -> SafeString:
        return format_html('<div class="said scrolled" tabindex="0">{}</div>', message.content)

    @display(description="Conversation")
    def in_conversation(self, message: Message) -> SafeString:
        """Leads to where it stands there."""
        return link(f"{row_url(message.conversation)}?at={message.pk}#turn-{message.pk}", message.conversation)

    @display(description="Embedding", label=STATUS_COLOURS)
    def embedding(self, message: Message) -> str | None:
        status: str | None = message.embedding_status  # type: ignore[attr-defined]  # annotated by for_display
        return status

    @display(description="Importance", ordering="stored_importance")
    def importance(self, message: Message) -> str | None:
        return None if message.stored_importance is None else f"{message.stored_importance:.2f}"

    @display(label={"archived": "warning"})
    def archived(self, message: Message) -> str | None:
        return "archived" if message.archived_at else None

    @display(description="Holds")
    @once
    def holds(self, message: Message) -> SafeString:
        return holds_and_links(Hold.objects.reaching(message), message, "message", Hold.Kind.PIN, Hold.Kind.LEGAL)

    def save_model(self, request: HttpRequest, obj: Message, form: MessageForm, change: bool) -> None:
        editing.update(obj, {name: form.cleaned_data[name] for name in form.changed_data})

    def delete_queryset(self, request: HttpRequest, queryset: MessageQuerySet) -> None:
        editing.delete(queryset)

    def messages_of(self, queryset: QuerySet[Any]) -> MessageQuerySet:
        return Message.objects.filter(pk__in=queryset.values("pk"))

    def embeddings_of(self, queryset: QuerySet[Any]) -> MessageEmbeddingQuerySet:
        rows = MessageEmbedding.objects.filter(message__in=queryset.values("pk"))
        return rows.filter(model=embedding_models.serving_of("tenant__"))


def _with_id(term: str) -> list[Q]:
    """What an id may be of: a message, by ours or the client's, or its conversation; each found by an index."""
    talks = Conversation.objects.filter(external_id=term).values_list("pk", flat=True)
    return [Q(pk=as_uuid(term)), Q(external_id=term), Q(conversation__in=list(talks[:NAMESAKES]))]


def _with_all_words(text: str) -> Q:
    """Messages that hold every word of `text`, in any form."""
    own = Posting.objects.filter(tenant=OuterRef("tenant"), message=OuterRef("pk"))
    words = [Q(Exists(own.filter(term__in=terms))) for terms in alternatives(text)]
    return Q(*words) if words else Q(pk=None)
