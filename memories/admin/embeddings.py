"""The state of embedding in the admin, and the action that has it done again."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memories import upkeep
from memories.models import MessageEmbedding
from memories.models.embedding import MessageEmbeddingQuerySet
from memories.tasks import wake_embedding_worker, wake_operation_worker
from tenants import audit
from tenants.admin_base import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    Page,
    ReadOnlyInline,
    ask_first,
    display,
    link,
)
from tenants.models import Tenant

EXCERPT = 120
STATUS_COLOURS = {"pending": "info", "processing": "warning", "completed": "success", "failed": "danger"}
FIELDS = ("model", "state", "attempts", "due_at", "completed_at", "error")


def excerpt(text: str) -> SafeString:
    """The first EXCERPT characters of a text, which is all that need be read of it."""
    return format_html('<span class="excerpt">{}</span>', text[:EXCERPT] + "…" * (len(text) >= EXCERPT))


class EmbedAgainPage(Page):
    """Pages with the action; `embeddings_of` says what it means for their rows."""

    def embeddings_of(self, queryset: QuerySet[Any]) -> MessageEmbeddingQuerySet:
        raise NotImplementedError

    def has_embed_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("memories.change_messageembedding")

    @admin.action(description="Embed again", permissions=["embed_again"])
    def embed_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        question = f"Embed these {self.opts.verbose_name_plural} again?"
        consequence = "They are queued from the start, failed ones included. Search uses the old vectors until then."
        if page := ask_first(self, request, queryset, action="embed_again", question=question, consequence=consequence):
            return page
        with transaction.atomic():
            queued = self.embeddings_of(queryset).retry()
            transaction.on_commit(wake_embedding_worker)
        self.message_user(request, f"Embeddings queued again: {queued}.", messages.SUCCESS)
        return None


class EmbeddingState:
    """The coloured status of a `MessageEmbedding`."""

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, embedding: MessageEmbedding) -> str:
        return embedding.status


class EmbeddingInline(EmbeddingState, ReadOnlyInline):
    model = MessageEmbedding
    fields = readonly_fields = FIELDS


@admin.register(MessageEmbedding)
class MessageEmbeddingAdmin(EmbeddingState, EmbedAgainPage):
    """Rows the workers write: there is nothing to add, change or delete."""

    list_display = ("message_excerpt", "tenant", "state", "attempts", "due_at", "error_excerpt", "model")
    list_filter = (("status", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter))
    list_display_links = ("due_at",)  # the first column leads to the message
    list_select_related = ("tenant",)
    actions = ("embed_again", "embed_failed_of_tenant", "embed_all_of_tenant")
    sortable_by = ()
    fields = ("message_excerpt", "tenant", *FIELDS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MessageEmbedding]:
        embeddings: QuerySet[MessageEmbedding] = super().get_queryset(request)
        return embeddings.annotate(text=Left("message__content", EXCERPT))

    @display(description="Message")
    def message_excerpt(self, embedding: MessageEmbedding) -> SafeString:
        address = reverse("admin:memories_message_change", args=[embedding.message_id])
        return link(address, excerpt(embedding.text))  # type: ignore[attr-defined]  # annotated above

    @display(description="Error")
    def error_excerpt(self, embedding: MessageEmbedding) -> SafeString | None:
        return excerpt(embedding.error) if embedding.error else None

    def embeddings_of(self, queryset: QuerySet[Any]) -> MessageEmbeddingQuerySet:
        return MessageEmbedding.objects.filter(pk__in=queryset.values("pk"))

    @admin.action(description="Embed all that failed of the tenant again", permissions=["embed_again"])
    def embed_failed_of_tenant(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._queued(request, queryset, action="embed_failed_of_tenant", only_failed=True)

    @admin.action(description="Embed everything of the tenant again", permissions=["embed_again"])
    def embed_all_of_tenant(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._queued(request, queryset, action="embed_all_of_tenant", only_failed=False)

    def _queued(
        self, request: HttpRequest, queryset: QuerySet[Any], *, action: str, only_failed: bool
    ) -> HttpResponse | None:
        """A job for each tenant of the rows: it takes its time, and is seen and cancelled as others are."""
        question = f"Embed {'all that failed' if only_failed else 'everything'} of the tenants of these again?"
        consequence = (
            "A job for each tenant has it done, a few messages at a time. Search uses the old vectors until then."
        )
        if page := ask_first(self, request, queryset, action=action, question=question, consequence=consequence):
            return page
        tenants = Tenant.objects.filter(pk__in=queryset.order_by().values("tenant"))
        queued = [upkeep.queue_embedding(one, only_failed=only_failed) for one in tenants]
        for job in queued:
            audit.record("admin.queued", job, tenant=job.tenant, kind=job.kind, only_failed=only_failed)
        transaction.on_commit(wake_operation_worker)
        self.message_user(request, f"Jobs queued: {len(queued)}.", messages.SUCCESS)
        return None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
