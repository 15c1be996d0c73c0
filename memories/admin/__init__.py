"""Conversations, messages and their embeddings in the admin."""

from memories.admin import conversations, embeddings, messages

__all__ = ["conversations", "embeddings", "messages"]
