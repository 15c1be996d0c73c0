"""The API without row-level security, for `bench.guards` alone: what that costs is the difference."""

from memory_layer.wsgi import application
from tenants import isolation

__all__ = ["application"]


def only_note(scope: isolation.Scope) -> None:
    """The product has no such switch."""
    isolation._kept()["memory_scope"] = scope  # noqa: SLF001


isolation._set = only_note  # noqa: SLF001
