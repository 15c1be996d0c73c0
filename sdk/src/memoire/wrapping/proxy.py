"""An object that behaves as another, but for the methods named in a tree."""

import copy
import functools
from collections.abc import Mapping
from typing import Any

from memoire.wrapping.calls import Function, remembering
from memoire.wrapping.methods import Arguments, Method, Returns, Tree
from memoire.wrapping.recorder import Recorder


def is_async(target: object) -> bool:
    """The vendors name every asynchronous client and resource alike."""
    return any(base.__name__.startswith("Async") for base in type(target).__mro__)


class Proxy:
    """Everything is asked of the target; `isinstance` sees its class."""

    __slots__ = ("_memoire_defaults", "_memoire_recorder", "_memoire_target", "_memoire_tree")

    def __init__(self, target: Any, *, tree: Tree, recorder: Recorder, defaults: Arguments | None = None) -> None:
        for name, value in (("target", target), ("tree", tree), ("recorder", recorder), ("defaults", defaults or {})):
            object.__setattr__(self, f"_memoire_{name}", value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._memoire_target)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_memoire_"):  # an object under construction, as when it is copied
            raise AttributeError(name)
        value = getattr(self._memoire_target, name)
        node = self._memoire_tree.get(name)
        if isinstance(node, Method):
            return self._memoire_remembering(value, node)
        if isinstance(node, Returns):
            return self._memoire_returning(value, node)
        return self._memoire_child(value, node) if isinstance(node, Mapping) else value

    def _memoire_remembering(self, function: Function, method: Method) -> Function:
        return remembering(
            function,
            method=method,
            recorder=self._memoire_recorder,
            defaults=self._memoire_defaults,
            is_async=is_async(self._memoire_target),
        )

    def _memoire_returning(self, function: Function, node: Returns) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            defaults = {name: kwargs[name] for name in node.defaults if kwargs.get(name)}
            return self._memoire_child(function(*args, **kwargs), node.tree, defaults=defaults)

        return call

    def _memoire_child(self, target: Any, tree: Tree, *, defaults: Arguments | None = None) -> "Proxy":
        is_client = hasattr(target, "__enter__") or hasattr(target, "__aenter__")
        kind = ClientProxy if is_client else Proxy
        return kind(target, tree=tree, recorder=self._memoire_recorder, defaults=defaults)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._memoire_target, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._memoire_target, name)

    def __copy__(self) -> "Proxy":
        return self._memoire_child(copy.copy(self._memoire_target), self._memoire_tree, defaults=self._memoire_defaults)

    def __dir__(self) -> list[str]:
        return dir(self._memoire_target)

    def __repr__(self) -> str:
        return repr(self._memoire_target)


class ClientProxy(Proxy):
    """A whole client, which may be entered."""

    __slots__ = ()

    def __enter__(self) -> "ClientProxy":
        self._memoire_target.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._memoire_target.__exit__(*error)

    async def __aenter__(self) -> "ClientProxy":
        await self._memoire_target.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._memoire_target.__aexit__(*error)
