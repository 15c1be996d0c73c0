"""`wrap()`: a vendor's client that remembers, and otherwise behaves as before."""

import inspect
from typing import TypeVar, cast

from memoire.errors import MemoireConfigError
from memoire.wrapping import anthropic, google, openai
from memoire.wrapping.methods import Tree
from memoire.wrapping.protocols import AnyMemory
from memoire.wrapping.proxy import ClientProxy, is_async
from memoire.wrapping.recorder import Recorder

Client = TypeVar("Client")

_API_CLIENTS = {"SyncAPIClient", "AsyncAPIClient"}
# package of the vendor's SDK, names of its client's classes, the paths that remember
_VENDORS: tuple[tuple[str, set[str], Tree], ...] = (
    ("openai", _API_CLIENTS, openai.TREE),
    ("anthropic", _API_CLIENTS, anthropic.TREE),
    ("google.genai", {"Client"}, google.TREE),
    ("google.genai", {"AsyncClient"}, google.METHODS),
)


def wrap(client: Client, memory: AnyMemory, *, user: str | None = None, session_id: str | None = None) -> Client:
    """The client, with `memory` behind its calls that generate text.

    `user` is the end user of calls that name none. Without `session_id` the wrapper begins a session of its own.
    Raises MemoireConfigError for a client that is not known, or not called the way the memory is.
    """
    tree = _tree_of(client)
    if inspect.iscoroutinefunction(memory.recall) and not is_async(client):
        raise MemoireConfigError(f"{type(client).__name__} is synchronous: it takes a Memoire, not a MemoireAsync")
    recorder = Recorder(memory, user=user, session_id=session_id)
    return cast("Client", ClientProxy(client, tree=tree, recorder=recorder))


def _tree_of(client: object) -> Tree:
    for package, names, tree in _VENDORS:
        if any(_is_of(base, package=package) and base.__name__ in names for base in type(client).__mro__):
            return tree
    raise MemoireConfigError(f"cannot wrap {type(client)!r}: pass a client of openai, anthropic or google-genai")


def _is_of(base: type, *, package: str) -> bool:
    return f"{base.__module__}.".startswith(f"{package}.")
