"""What the OpenAPI document says beyond the views themselves: how to authenticate, and the one error shape."""

from typing import Any, Literal, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from rest_framework import serializers

ERRORS = {"4XX": "The request was refused.", "5XX": "The service failed."}


class ErrorItem(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="For programs.")
    detail = serializers.CharField(help_text="For people: what is wrong and what to do.")
    attr = serializers.CharField(allow_null=True, help_text="The field, by its path.")


class ErrorBody(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorItem(many=True)  # type: ignore[assignment]


class AutoSchema(BaseAutoSchema):
    """Adds the errors that any call may answer with."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction=direction)
        if direction != "response":
            return bodies
        return bodies | {code: self._error(code, why) for code, why in ERRORS.items()}

    def _error(self, code: str, description: str) -> dict[str, Any]:
        response = cast("Any", self)._get_response_for_code(ErrorBody, code)  # noqa: SLF001 - untyped, and ours
        return {**response, "description": description}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.authentication.ApiKeyAuthentication"
    name = ["ApiKey", "Bearer"]

    def get_security_definition(self, auto_schema: BaseAutoSchema) -> list[dict[str, str]]:
        return [{"type": "apiKey", "in": "header", "name": "X-API-Key"}, {"type": "http", "scheme": "bearer"}]

    def get_security_requirement(self, auto_schema: BaseAutoSchema) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]  # either of them, not both


class StrictObjects(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """A body that refuses fields it does not know says so."""

    target_class = "tenants.api.serializers.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: BaseAutoSchema, direction: Literal["request", "response"]) -> Any:
        mapped = cast("Any", auto_schema)._map_serializer(  # noqa: SLF001 - as above
            self.target, direction, bypass_extensions=True
        )
        return {**mapped, "additionalProperties": False}
