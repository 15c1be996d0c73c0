"""How a vendor's method is read, informed and listened to; and where in its client the method is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, Union

from memoire.wrapping.turns import Message

Arguments: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method that remembers.

    `messages` reads the arguments, `inject` returns arguments with a block of memory and leaves the given ones alone,
    `answer` is the text of a whole answer and `delta` that of one event of a stream, empty where it has none.
    `takes_user`: the vendor has a parameter `user` of its own. `opens`: returns a context manager of a stream.
    """

    messages: Callable[[Arguments], list[Message]]
    inject: Callable[[Arguments, str], Arguments]
    answer: Callable[[Any], str]
    delta: Callable[[Any], str]
    takes_user: bool = False
    opens: bool = False
    positional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Returns:
    """A method whose result is wrapped; the named arguments of it are the defaults of that result's methods."""

    tree: "Tree"
    defaults: tuple[str, ...] = ()


Tree: TypeAlias = Mapping[str, Union["Tree", Method, Returns]]
