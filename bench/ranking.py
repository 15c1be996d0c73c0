"""What each part of the ranking is worth, and the weights that fit best: `python -m bench.ranking FILE [--fit]`.

FILE is a labelled set as `manage.py evaluate` reads it; its embeddings are shared with that command. The candidates of
every question are gathered once, through the product's own statements, and then ranked with one part at a time left
out: the loss in recall@10 and hit@3, with the 95 % interval of a paired bootstrap over questions. What a part costs is
measured by stage, one search at a time. `--fit` fits the weights by softmax regression on all conversations but one,
seven times over, and measures each on the conversation left out.
"""

import argparse
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
os.environ.setdefault("MEMORY_LOG_LEVEL", "ERROR")
REGULARISATION = 1e-5


@dataclass(frozen=True)
class Asked:
    """A question with its candidates; `group`: the conversation it is about, which is left out or fitted as a whole."""

    group: str
    relevant: frozenset[Any]
    candidates: Any
    rarities: Sequence[float]
    named: Sequence[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--fit", action="store_true", help="fit the weights, too")
    options = parser.parse_args()
    django.setup()
    from django.conf import settings

    from memory_layer import embedded, stack

    with embedded.lease(settings.MEMORY_DATA_DIR):
        stack.prepare()
        report(options.file, fit=options.fit)


def report(file: Path, *, fit: bool) -> None:
    from memories.evaluation import reading

    with file.open("rb") as opened:
        labelled = reading.read(opened)
    whole, as_words, seconds = gathered(labelled)
    print(f"{len(whole)} questions; milliseconds a search, median (p95):")
    for stage, taken in seconds.items():
        print(f"  {stage:38} {1000 * statistics.median(taken):6.1f} ({1000 * np.percentile(taken, 95):.1f})")
    ablate(whole, as_words)
    if fit:
        cross_validate(whole)


# --- Candidates -------------------------------------------------------------------------------------------------------


def gathered(labelled: Any) -> tuple[list[Asked], list[Asked], dict[str, list[float]]]:
    """By question the candidates of the product, those with names taken for words, and what the stages took."""
    from django.conf import settings

    from memories.evaluation import run
    from memories.evaluation.cache import Store, caching
    from memories.providers import embedding_provider

    store = Store(settings.MEMORY_DATA_DIR / "evaluation" / "embeddings.sqlite3")
    provider, seconds = caching(embedding_provider(), store=store), defaultdict[str, list[float]](list)
    with run.tenant_of_its_own() as tenant:
        run.store(tenant, labelled, on_progress=id)
        run.embed(tenant, provider=provider, on_progress=id)
        ask = partial(asked, tenant, provider=provider)
        whole = [ask(one, seconds=seconds) for one in labelled.questions]
        as_words = [ask(one, seconds=defaultdict(list), names_are_words=True) for one in labelled.questions]
    return whole, as_words, seconds


def asked(
    tenant: Any, question: Any, *, provider: Any, seconds: dict[str, list[float]], names_are_words: bool = False
) -> Asked:
    from django.utils import timezone

    from memories.models import Message
    from memories.search import Query
    from memories.search.candidates import candidates
    from memories.search.participants import participants
    from memories.search.query import understand
    from memories.search.turns import found
    from tenants.isolation import tenant_scope

    query, now = Query(question.text, top_k=10, **question.filters), question.asked_at or timezone.now()
    timed = partial(taking, seconds)
    look = partial(participants, tenant, query, scope=partial(tenant_scope, tenant), now=now)
    named = {} if names_are_words else timed("participants", look)
    meant = understand(tenant, query, named=named, provider=provider, now=now)
    with tenant_scope(tenant):
        turns = timed("both retrievals, with the turns around", lambda: found(tenant, meant, now=now))
        relevant = Message.objects.filter(tenant=tenant, external_id__in=question.relevant)
        ids = frozenset(relevant.values_list("pk", flat=True))
    known = timed("what is known of each candidate", lambda: candidates(meant, turns, now=now))
    made = Asked(str(question.filters), ids, known, turns.rarities(), meant.named)
    timed("ranking", lambda: ranked(made, weights()))
    return made


def taking(seconds: dict[str, list[float]], stage: str, action: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    result = action()
    seconds[stage].append(time.perf_counter() - started)
    return result


def weights() -> dict[str, float]:
    from django.conf import settings

    return dict(settings.MEMORY_RANKING_WEIGHTS)


# --- Ablation ---------------------------------------------------------------------------------------------------------


def ablate(whole: Sequence[Asked], as_words: Sequence[Asked]) -> None:
    everything = measures(whole, weights())
    print(f"\n{'':38} recall@10                      hit@3")
    print(f"{'everything':38} {everything[:, 0].mean():.3f}{'':26} {everything[:, 1].mean():.3f}")
    for name, without in variants(whole, as_words):
        losses = [interval(everything[:, column] - without[:, column]) for column in (0, 1)]
        print(f"without {name:30} {without[:, 0].mean():.3f} {losses[0]:25} {without[:, 1].mean():.3f} {losses[1]}")


def variants(whole: Sequence[Asked], as_words: Sequence[Asked]) -> Iterator[tuple[str, Any]]:
    for part in weights():
        yield part, measures(whole, weights() | {part: 0.0})
    yield "late interaction (cosine instead)", measures([with_cosine(one) for one in whole], weights())
    yield "names matched to speakers", measures(as_words, weights())
    yield "the turn after each candidate", measures([as_found(one) for one in whole], weights())


def with_cosine(one: Asked) -> Asked:
    unknown = np.full_like(one.candidates.closeness, np.nan)
    return replace(one, candidates=replace(one.candidates, closeness=unknown))


def as_found(one: Asked) -> Asked:
    from memories.ranking import Candidates

    rows = [one.candidates.row(place) for place in range(len(one.candidates))]
    return replace(one, candidates=Candidates.of([row for row in rows if row.semantic_rank or row.lexical_rank]))


def measures(questions: Sequence[Asked], given: Mapping[str, float]) -> Any:
    """Shape (questions, 2): recall@10 and hit@3."""
    return np.array([measured(one, ranked(one, given)) for one in questions])


def ranked(one: Asked, given: Mapping[str, float]) -> list[Any]:
    from memories.ranking import rank

    found = rank(one.candidates, weights=given, rarities=one.rarities, named=one.named)
    return [each.candidate.message_id for each in found]


def measured(one: Asked, ids: Sequence[Any]) -> tuple[float, float]:
    return len(one.relevant & set(ids[:10])) / len(one.relevant), float(not one.relevant.isdisjoint(ids[:3]))


def interval(differences: Any) -> str:
    drawn = np.random.default_rng(20_231).integers(len(differences), size=(2000, len(differences)))
    low, high = np.percentile(differences[drawn].mean(axis=1), [2.5, 97.5])
    return f"{-differences.mean():+.3f} [{-high:+.3f}, {-low:+.3f}]"


# --- Fitting ----------------------------------------------------------------------------------------------------------


def cross_validate(questions: Sequence[Asked]) -> None:
    names = [name for name in weights() if name not in ("importance", "recency", "exact")]
    groups = sorted({one.group for one in questions})
    found, tried = [], []
    for group in groups:
        fitted = dict(zip(names, fit([one for one in questions if one.group != group], names), strict=True))
        found.append(measures([one for one in questions if one.group == group], weights() | fitted))
        tried.append(fitted)
    both = np.concatenate(found)
    print(f"\nfitted on all conversations but one: recall@10 {both[:, 0].mean():.3f}, hit@3 {both[:, 1].mean():.3f}")
    for name in names:
        values = [one[name] for one in tried]
        print(f"  {name:14} {np.mean(values):6.2f} ({min(values):.2f} to {max(values):.2f})")


def fit(questions: Sequence[Asked], names: Sequence[str]) -> Any:
    """Weights, none negative, in units of the first; they maximise the likelihood of what is relevant."""
    import torch

    examples = [tensors(one, names) for one in questions]
    logs = torch.zeros(len(names), requires_grad=True)
    optimiser = torch.optim.LBFGS([logs], max_iter=80, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimiser.zero_grad()
        scores = [torch.log_softmax(parts @ logs.exp(), 0)[wanted].mean() for parts, wanted in examples if len(wanted)]
        total = -torch.stack(scores).mean() + REGULARISATION * (logs.exp() ** 2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    found = logs.exp().detach().numpy()
    return found / found[0]


def tensors(one: Asked, names: Sequence[str]) -> tuple[Any, Any]:
    """The parts of the candidates, shape (candidates, names), and which of them are relevant."""
    import torch

    from memories.ranking import rank

    known = rank(one.candidates, weights=weights(), rarities=one.rarities, named=one.named)
    parts = [[each.parts.get(name, 0.0) for name in names] for each in known]
    wanted = [place for place, each in enumerate(known) if each.candidate.message_id in one.relevant]
    return torch.tensor(parts, dtype=torch.float32).reshape(-1, len(names)), torch.tensor(wanted, dtype=torch.long)


if __name__ == "__main__":
    main()
