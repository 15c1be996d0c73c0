"""What a language model is to the rest of the code: a question, an answer of a given shape, and what it took."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Answered calls and their tokens; `cost` is in US dollars, None where the price of any of them is not known."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=None if self.cost is None or other.cost is None else self.cost + other.cost,
        )


@dataclass(frozen=True, kw_only=True)
class Answered(Generic[T]):
    """An answer of the shape that was asked for, and what it took."""

    output: T
    usage: Usage


class LanguageModel(Protocol):
    """A model of a vendor; all calls are thread-safe, and block."""

    name: str
    model_name: str

    def ask(self, text: str, *, instructions: str, answer: type[T]) -> Answered[T]:
        """What the model makes of `text`, as an `answer`. An answer of another shape may be put right once.

        Raises ProviderUnavailable, and ProviderRejected: MalformedAnswer, if that did not help, or Refused.
        """
