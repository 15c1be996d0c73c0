"""What can go wrong. With `strict=False`, the default, only MemoireConfigError ever reaches the application."""

from __future__ import annotations


class MemoireError(Exception):
    """Base of all errors. Where the service answered: its status, and the code, detail and field of its error body."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        detail: str | None = None,
        attr: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.detail = detail
        self.attr = attr


class MemoireConfigError(MemoireError):
    """A mistake in the program: no key, a bad address, an argument of the wrong type. Always raised, at once."""


class MemoireUnavailable(MemoireError):
    """The service is away, too slow, or failing (5xx), or it is being skipped after failures in a row."""


class MemoireAuthError(MemoireError):
    """The key is not valid (401), or not for this (403)."""


class MemoireRateLimited(MemoireError):
    """Too many calls (429)."""

    retry_after: float | None = None  # seconds, where the service said so


class MemoireRequestError(MemoireError):
    """The service refused the request (any other 4xx)."""


class MemoireResponseError(MemoireError):
    """The answer is not what the service would say: no JSON, or of another shape."""
