"""The addresses of this room, under /v1."""

from django.urls import path, register_converter
from rest_framework.routers import SimpleRouter

import tenants.api.converters  # noqa: F401 - for `user_id`
from memories.api.analytics import AnalyticsViewSet
from memories.api.conversations import ConversationViewSet
from memories.api.end_users import EndUserViewSet
from memories.api.facts import FactViewSet
from memories.api.jobs import JobViewSet
from memories.api.memory import MemoryViewSet
from memories.api.messages import MessageViewSet
from memories.api.recall import RecallViewSet
from memories.api.sessions import SessionViewSet
from memories.models.conversation import CONVERSATION_ID_PATTERN


class ConversationIdConverter:
    regex = CONVERSATION_ID_PATTERN.strip("^$")

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


register_converter(ConversationIdConverter, "conversation_id")

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("messages", MessageViewSet, basename="message")
router.register("conversations", ConversationViewSet, basename="conversation")
router.register("memory", MemoryViewSet, basename="memory")
router.register("sessions", SessionViewSet, basename="session")
router.register("jobs", JobViewSet, basename="job")
urlpatterns = [
    path("analytics/usage", AnalyticsViewSet.as_view({"get": "usage"})),
    path("analytics/trends", AnalyticsViewSet.as_view({"get": "trends"})),
    path("analytics/top-conversations", AnalyticsViewSet.as_view({"get": "top_conversations"})),
    path("analytics/embeddings", AnalyticsViewSet.as_view({"get": "embeddings"})),
    path("analytics/tenants", AnalyticsViewSet.as_view({"get": "tenants"})),
    path("history/<conversation_id:session_id>", SessionViewSet.as_view({"get": "history"})),
    path("ingest", SessionViewSet.as_view({"post": "ingest"})),
    path("recall", RecallViewSet.as_view({"post": "recall"})),
    path("conscious", EndUserViewSet.as_view({"get": "conscious_of_key"})),
    path("conscious/<user_id:user_id>", EndUserViewSet.as_view({"get": "conscious"})),
    path("facts/<user_id:id>", FactViewSet.as_view({"get": "list", "patch": "partial_update", "delete": "destroy"})),
    path("facts/<uuid:fact_id>/source", FactViewSet.as_view({"get": "source"})),
    path("timeline", FactViewSet.as_view({"get": "timeline"})),
    path("users/<user_id:user_id>/profile", EndUserViewSet.as_view({"get": "profile"})),
    path("users/<user_id:user_id>/consolidate", EndUserViewSet.as_view({"post": "consolidate"})),
    *router.urls,
]
