"""Streams that remember what they say. The vendor's own object is kept: only its inner iterator is listened to."""

import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from memoire.wrapping.recorder import Exchange


def tapped(stream: Any, exchange: Exchange) -> Any:
    """The stream, remembered when it ends, raises, is closed or is dropped."""
    if not hasattr(stream, "_iterator"):
        return _listening(stream, exchange)  # a plain generator
    with exchange.guard("listening to the stream"):
        stream._iterator = _listening(stream._iterator, exchange)  # noqa: SLF001 - every way of reading uses it
        stream.close = _closing(stream, exchange)
    return stream


def tapped_async(stream: Any, exchange: Exchange) -> Any:
    if not hasattr(stream, "_iterator"):
        return _listening_async(stream, exchange)
    with exchange.guard("listening to the stream"):
        stream._iterator = _listening_async(stream._iterator, exchange)  # noqa: SLF001 - as above
        stream.close = _closing_async(stream, exchange)
    return stream


def _listening(events: Iterator[Any], exchange: Exchange) -> Iterator[Any]:
    try:
        for event in events:
            exchange.hear(event)
            yield event
    finally:
        exchange.remember_heard()
        _close(events)


async def _listening_async(events: AsyncIterator[Any], exchange: Exchange) -> AsyncIterator[Any]:
    try:
        async for event in events:
            exchange.hear(event)
            yield event
    finally:
        await exchange.settled(exchange.remember_heard())
        await _close_async(events)


def _close(events: Any) -> None:
    if hasattr(events, "close"):
        events.close()


async def _close_async(events: Any) -> None:
    if hasattr(events, "aclose"):
        await events.aclose()


def _closing(stream: Any, exchange: Exchange) -> Callable[[], None]:
    """`close` that remembers. It must not hold the stream, which would then not be freed when it is dropped.

    One that is gone was closed on its way.
    """
    method, held = type(stream).close, weakref.ref(stream)

    def close() -> None:
        try:
            if (alive := held()) is not None:
                method(alive)
        finally:
            exchange.remember_heard()

    return close


def _closing_async(stream: Any, exchange: Exchange) -> Callable[[], Coroutine[Any, Any, None]]:
    method, held = type(stream).close, weakref.ref(stream)

    async def close() -> None:
        try:
            if (alive := held()) is not None:
                await method(alive)
        finally:
            await exchange.settled(exchange.remember_heard())

    return close
