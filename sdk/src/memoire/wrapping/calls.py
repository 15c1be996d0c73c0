"""A call that remembers: recall, inject, call, ingest the question, ingest the answer."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from memoire.wrapping.methods import Arguments, Method
from memoire.wrapping.recorder import Exchange, Recorder
from memoire.wrapping.streams import tapped, tapped_async

Function = Callable[..., Any]


def remembering(
    function: Function, *, method: Method, recorder: Recorder, defaults: Arguments, is_async: bool
) -> Function:
    """The vendor's bound method, called as before."""
    flow: Function = Opening if method.opens else _called_async if is_async else _called

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        named = dict(zip(method.positional, args, strict=False)) | kwargs
        exchange = Exchange(recorder, method, named)
        bound = functools.partial(function, *args[len(method.positional) :])
        if exchange.is_skipped:
            return bound(**exchange.arguments)
        return flow(bound, exchange, defaults)

    return call


def _called(function: Function, exchange: Exchange, defaults: Arguments) -> Any:
    arguments = exchange.informed(defaults)
    try:
        answer = function(**arguments)
    finally:
        exchange.remember_question()
    if isinstance(answer, Iterator):
        return tapped(answer, exchange)
    exchange.remember_answer(answer)
    return answer


async def _called_async(function: Function, exchange: Exchange, defaults: Arguments) -> Any:
    arguments = await exchange.informed_async(defaults)
    try:
        answer = await function(**arguments)
    finally:
        await exchange.settled(exchange.remember_question())
    if isinstance(answer, AsyncIterator):
        return tapped_async(answer, exchange)
    await exchange.settled(exchange.remember_answer(answer))
    return answer


class Opening:
    """A vendor's context manager of a stream, made when it is entered: only then can the memory be awaited."""

    def __init__(self, function: Function, exchange: Exchange, defaults: Arguments) -> None:
        self._function = function
        self._exchange = exchange
        self._defaults = defaults
        self._manager: Any = None

    def __enter__(self) -> Any:
        arguments = self._exchange.informed(self._defaults)
        try:
            self._manager = self._function(**arguments)
            return tapped(self._manager.__enter__(), self._exchange)
        finally:
            self._exchange.remember_question()

    def __exit__(self, *error: Any) -> Any:
        return self._manager.__exit__(*error)

    async def __aenter__(self) -> Any:
        arguments = await self._exchange.informed_async(self._defaults)
        try:
            self._manager = self._function(**arguments)
            return tapped_async(await self._manager.__aenter__(), self._exchange)
        finally:
            await self._exchange.settled(self._exchange.remember_question())

    async def __aexit__(self, *error: Any) -> Any:
        return await self._manager.__aexit__(*error)
