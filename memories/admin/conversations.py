"""Conversations in the admin, with their turns to read."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from memories import editing
from memories.admin import transcript
from memories.admin.base import StoredPage, holds_and_links
from memories.models import Conversation, Hold, Message
from memories.models.conversation import ConversationQuerySet
from memories.models.message import MessageQuerySet
from tenants.admin_base import AutocompleteSelectFilter, ButtonPage, DayRangeFilter, display, once
from tenants.ids import as_uuid


@admin.register(Conversation)
class ConversationAdmin(StoredPage, ButtonPage):
    list_display = ("external_id", "title", "tenant", "created_at")
    list_filter = (("tenant", AutocompleteSelectFilter), ("created_at", DayRangeFilter))
    list_select_related = ("tenant",)
    search_fields = ("external_id",)
    search_help_text = "Conversation id, in full"
    sortable_by = ()
    actions = ("archive", "restore", "delete_selected")
    fields = ("external_id", "title", "tenant", "metadata", "created_at", "updated_at", "holds")
    log_fields = ("external_id",)

    def get_search_results(
        self, request: HttpRequest, queryset: ConversationQuerySet, search_term: str
    ) -> tuple[ConversationQuerySet, bool]:
        term = search_term.strip()
        return (queryset.filter(Q(external_id=term) | Q(pk=as_uuid(term))) if term else queryset), False

    def buttons(self, row: Conversation) -> tuple[str, ...]:
        return ("archive", "restore")

    def below(self, request: HttpRequest, row: Conversation) -> dict[str, Any]:
        return transcript.of(request, row)

    @display(description="Holds")
    @once
    def holds(self, conversation: Conversation) -> SafeString:
        mine = Hold.objects.filter(tenant=conversation.tenant_id, conversation=conversation)
        return holds_and_links(mine, conversation, "conversation", Hold.Kind.LEGAL)

    def messages_of(self, queryset: QuerySet[Any]) -> MessageQuerySet:
        return Message.objects.filter(conversation__in=queryset.values("pk"))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: ConversationQuerySet) -> None:
        for conversation in queryset:
            editing.delete_conversation(conversation)
