"""Answers scored, and summed up by category: what a run comes to, and what a file keeps of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from memories.evaluation import metrics
from memories.evaluation.labelled import LabelledSet, Question
from memories.evaluation.metrics import Estimate
from memories.evaluation.run import SHOWN_HITS, Answer, Setting

PRODUCT = "Memory Layer"
ALL = "all"
SESSION = "session "

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Latency:
    """Of the searches, in milliseconds, without the embedding of the questions."""

    median: float
    p95: float


@dataclass(frozen=True)
class Results:
    """`scores` are of each system, by its name, for each question, by its id. `model` is the key of the embeddings."""

    labelled: LabelledSet
    setting: Setting
    model: str
    scores: Mapping[str, Mapping[str, Scores]]
    latency: Latency

    @property
    def headline(self) -> str:
        return f"recall@{self.setting.top_k}"

    @property
    def measures(self) -> list[str]:
        """Names, in the order in which they are shown."""
        first = next(iter(self.scores[PRODUCT].values()))
        return list(first)


def scored(question: Question, answer: Answer, *, setting: Setting) -> dict[str, float]:
    """Every measure of one answer: of turns, of what the first hits show, of sessions where they are told apart."""
    result = metrics.measured(answer.ranked, question.relevant, top_k=setting.top_k)
    if setting.neighbours:
        result[f"hit@{SHOWN_HITS} ±{setting.neighbours}"] = float(not question.relevant.isdisjoint(answer.shown))
    if question.sessions:
        sessions = metrics.measured(answer.sessions, question.sessions, top_k=setting.top_k)
        result |= {f"{SESSION}{name}": value for name, value in sessions.items()}
    return result


def latency(seconds: Sequence[float]) -> Latency:
    median, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
    return Latency(round(float(median), 1), round(float(p95), 1))


def by_category(results: Results) -> dict[str, list[Question]]:
    """All questions first, then those of each category, where there are several."""
    names = sorted({one.category for one in results.labelled.questions})
    groups = {name: [one for one in results.labelled.questions if one.category == name] for name in names}
    return {ALL: list(results.labelled.questions)} | (groups if len(groups) > 1 else {})


def estimated(results: Results, *, system: str, questions: Sequence[Question]) -> dict[str, Estimate]:
    """Each measure of a system over these questions."""
    scores = [results.scores[system][one.id] for one in questions]
    values = [[one[name] for one in scores] for name in results.measures]
    return dict(zip(results.measures, metrics.estimates(values), strict=True))


def as_json(results: Results) -> dict[str, Any]:
    """For a file. It names questions by their ids; what was asked and said is not in it."""
    groups = by_category(results)
    return {
        "form": results.labelled.form,
        "messages": len(results.labelled.messages),
        "questions": {name: len(questions) for name, questions in groups.items()},
        "left_out": dict(results.labelled.dropped),
        "model": results.model,
        "setting": asdict(results.setting),
        "milliseconds": asdict(results.latency),
        "estimates": {
            system: {name: _estimates(results, system, questions) for name, questions in groups.items()}
            for system in results.scores
        },
        "scores": results.scores,
    }


def _estimates(results: Results, system: str, questions: Sequence[Question]) -> dict[str, dict[str, float]]:
    found = estimated(results, system=system, questions=questions)
    return {measure: asdict(estimate) for measure, estimate in found.items()}
