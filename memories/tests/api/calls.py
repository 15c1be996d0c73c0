"""What the tests of the API say again and again."""

from typing import Any

NEW = {"conversation_id": "talk", "role": "user", "content": "Hello there"}
MESSAGE_FIELDS = {
    "id", "tenant_id", "conversation_id", "user_id", "role", "content", "metadata", "importance_score",
    "importance_override", "embedding_status", "created_at", "updated_at", "archived_at",
}  # fmt: skip
FACT_FIELDS = {
    "id", "category", "content", "confidence", "temporal_state", "slot_hint", "is_essential", "source_message_id",
    "created_at", "last_refreshed_at", "valid_from", "valid_until", "superseded_by",
}  # fmt: skip


def new(**changes: Any) -> dict[str, Any]:
    return {**NEW, **changes}


def stored(api, **changes: Any) -> dict[str, Any]:
    """A message as the API answered when it was stored."""
    response = api.post("/v1/messages", new(**changes))
    assert response.status_code in (200, 202), response.content
    return dict(response.json())


def complaint(response) -> tuple[int, str, str | None]:
    """(status, code, field) of a refusal, which must have the one error shape and a sentence."""
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert body.keys() == {"type", "errors"}
    assert body["type"] in ("validation_error", "client_error")
    for error in body["errors"]:
        assert error.keys() == {"code", "detail", "attr"}
        assert " " in error["detail"], error
    return response.status_code, body["errors"][0]["code"], body["errors"][0]["attr"]


def post_raw(api, path: str, body: str | bytes, **options: Any):
    """POST a body as it stands, which no JSON encoder would write."""
    return api.generic("POST", path, body, content_type="application/json", **options)


def ids(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [item.get("id") or item["message_id"] for item in response.json()["items"]]
