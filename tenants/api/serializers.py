"""What the shapes of all rooms share: strictness, the tenant, the page."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from tenants.api import fields


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know: a misspelt one would otherwise be dropped in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            if unknown := sorted(map(str, data.keys() - known)):
                message = f"Unknown field; known are {', '.join(sorted(known))}."
                raise serializers.ValidationError(
                    {fields.printable(name): [message] for name in unknown}, code="unknown_field"
                )
        return super().to_internal_value(data)


class UpdateSerializer(StrictSerializer):
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Nothing to change: give at least one field.", code="empty_update")
        return attrs


class TenantQuery(StrictSerializer):
    tenant_id = fields.TenantId()


class PageQuery(TenantQuery):
    limit = fields.Whole(default=50, min_value=1, max_value=200)
    cursor = fields.Text(required=False, max_length=500, help_text="`next_cursor` of the page before.")
