"""What is asked of a memory, be it `Memoire` or `MemoireAsync`."""

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, TypeAlias


class Fact(Protocol):
    @property
    def content(self) -> str: ...


class Memory(Protocol):
    """`ingest` queues and returns at once; it may be called while another call of it is interrupted."""

    def recall(self, query: str, *, user_id: str | None = None, limit: int = 5) -> Sequence[Fact]: ...

    def ingest(self, content: str, *, session_id: str, role: str = "user", user_id: str | None = None) -> Any: ...


class AsyncMemory(Protocol):
    """As Memory; what `ingest` returns is awaited where it can be."""

    def recall(self, query: str, *, user_id: str | None = None, limit: int = 5) -> Awaitable[Sequence[Fact]]: ...

    def ingest(self, content: str, *, session_id: str, role: str = "user", user_id: str | None = None) -> Any: ...


AnyMemory: TypeAlias = Memory | AsyncMemory
