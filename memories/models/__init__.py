"""The rows of the domain."""

from memories.models.conversation import Conversation
from memories.models.embedding import EmbeddingStatus, EmbeddingWindow, MessageEmbedding
from memories.models.hold import Hold
from memories.models.message import Message, Role

__all__ = ["Conversation", "EmbeddingStatus", "EmbeddingWindow", "Hold", "Message", "MessageEmbedding", "Role"]
