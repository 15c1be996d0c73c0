"""The addresses of this room, under /v1."""

from django.urls import register_converter
from rest_framework.routers import SimpleRouter

from memories.api.conversations import ConversationViewSet
from memories.api.memory import MemoryViewSet
from memories.api.messages import MessageViewSet
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
urlpatterns = router.urls
