"""Fields of conversations and messages, beside those that every room has."""

from typing import Any

from memories.models.conversation import CONVERSATION_ID_PATTERN
from memories.models.message import CONTENT_MAX, Role
from tenants.api.fields import Choice, Metadata, Slug, Text


class ConversationId(Slug):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(CONVERSATION_ID_PATTERN, **kwargs)


class Content(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=CONTENT_MAX, **kwargs)


class RoleField(Choice):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=Role.choices, **kwargs)


class MetadataFilter(Metadata):
    """Single values only: what holds `{"a": 1}` is not what equals it, and an index tells only the former."""

    default_error_messages = {"not_single": "{path} must be text, a number, true, false or null, to be compared with."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        wanted = super().to_internal_value(data)
        for key, value in wanted.items():
            if isinstance(value, dict | list):
                self.fail("not_single", path=f"{self.field_name}.{key[:80]}")
        return wanted
