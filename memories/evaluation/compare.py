"""What a change did: two runs over the same questions, question by question. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memories.evaluation import metrics
from memories.evaluation.metrics import Estimate
from memories.evaluation.results import PRODUCT, Scores


class NotARun(Exception):
    """A file that `--json` has not written, or one of other questions."""


@dataclass(frozen=True)
class Difference:
    """`change` is after minus before, by a paired bootstrap; `won` and `lost` are ids of questions."""

    measure: str
    before: float
    after: float
    change: Estimate
    won: Sequence[str]
    lost: Sequence[str]

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.change.low > 0 or self.change.high < 0


def scores_of(text: str) -> dict[str, Scores]:
    """The product's scores in what `--json` has written, by question. Raises NotARun."""
    try:
        found: Any = json.loads(text)["scores"][PRODUCT]
        return {str(name): {str(key): float(value) for key, value in one.items()} for name, one in found.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise NotARun('Expected is a file that "evaluate --json" has written.') from None


def differences(before: Mapping[str, Scores], after: Mapping[str, Scores]) -> list[Difference]:
    """Of each measure that both runs have, over the questions that both have asked. Raises NotARun without any."""
    both = [name for name in after if name in before]
    if not both:
        raise NotARun("That run has asked none of these questions.")
    measures = [name for name in after[both[0]] if name in before[both[0]]]
    changes = {measure: [after[one][measure] - before[one][measure] for one in both] for measure in measures}
    return [
        Difference(
            measure,
            before=sum(before[one][measure] for one in both) / len(both),
            after=sum(after[one][measure] for one in both) / len(both),
            change=change,
            won=[one for one, value in zip(both, changes[measure], strict=True) if value > 0],
            lost=[one for one, value in zip(both, changes[measure], strict=True) if value < 0],
        )
        for measure, change in zip(measures, metrics.estimates(changes.values()), strict=True)
    ]
