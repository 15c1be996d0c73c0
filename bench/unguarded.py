"""The API without row-level security, for `bench.guards` alone: what that costs is the difference."""

from tenants import isolation


def leave_as_it_is(scope: isolation.Scope) -> None:
    """The product has no such switch."""


isolation._set = leave_as_it_is  # noqa: SLF001 - see above

from memory_layer.wsgi import application  # noqa: E402

__all__ = ["application"]
