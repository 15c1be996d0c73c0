"""One way to call every surface, whether its client blocks or is awaited."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from memoire.wrapping import wrap

from .loopback import Vendor
from .surfaces import Surface


class Sync:
    """Runs a surface the synchronous way."""

    def __init__(self, surface: Surface, vendor: Vendor, memory: Any) -> None:
        self.surface, self.memory, self.url = surface, memory, vendor.url

    def wrapped(self) -> Any:
        return wrap(self.surface.client(self.url), self.memory)

    def ask(self, turns: Any, **more: Any) -> Any:
        return self.surface.ask(self.wrapped(), turns, **more)

    def read(self, turns: Any, *, enough: Callable[[str], bool] = lambda text: False, **more: Any) -> list[Any]:
        """The events up to the one whose text is enough; then the stream is closed."""
        events = []
        client = self.wrapped()  # kept: Google's client closes its connections when it is dropped
        stream = self.surface.stream(client, turns, **more)
        for event in stream:
            events.append(event)
            if enough(self.surface.text(event)):
                stream.close()
                break
        return events


class Async(Sync):
    """The same in an event loop of its own."""

    def wrapped(self) -> Any:
        return wrap(self.surface.async_client(self.url), self.memory)

    def ask(self, turns: Any, **more: Any) -> Any:
        async def asked() -> Any:
            async with self.wrapped() as client:
                return await self.surface.ask(client, turns, **more)

        return asyncio.run(asked())

    def read(self, turns: Any, *, enough: Callable[[str], bool] = lambda text: False, **more: Any) -> list[Any]:
        async def events() -> list[Any]:
            found = []
            async with self.wrapped() as client:
                stream = await self.surface.stream(client, turns, **more)
                async for event in stream:
                    found.append(event)
                    if enough(self.surface.text(event)):
                        await (stream.aclose() if inspect.isasyncgen(stream) else stream.close())
                        break
            return found

        return asyncio.run(events())
