"""Conversations, messages, their embeddings, and the fact engine in the admin."""

from memories.admin import conversations, embeddings, facts, jobs, messages, spend

__all__ = ["conversations", "embeddings", "facts", "jobs", "messages", "spend"]
