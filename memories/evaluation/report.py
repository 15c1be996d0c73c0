"""What a run comes to, for people: tables for the terminal, a picture."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from memories.evaluation import results as summing
from memories.evaluation.compare import Difference
from memories.evaluation.labelled import LabelledSet
from memories.evaluation.metrics import Estimate
from memories.evaluation.results import SESSION, Results
from memories.evaluation.run import SHOWN_HITS

CHANGES_SHOWN = 10
TEXT_SHOWN = 90


def show_set(console: Console, labelled: LabelledSet) -> None:
    console.print(f"{len(labelled.messages):,} messages, {len(labelled.questions):,} questions ({labelled.form}).")
    for what, count in labelled.dropped.items():
        console.print(f"Left out: {count:,} {what}.")


def show(console: Console, results: Results) -> None:
    """Every measure over all questions, then the telling ones by category, each with its 95 % interval."""
    for name, questions in summing.by_category(results).items():
        found = {system: summing.estimated(results, system=system, questions=questions) for system in results.scores}
        measures = results.measures if name == summing.ALL else _telling(results)
        console.print(_table(f"{name or 'without category'}, {len(questions):,} questions", measures, found))
    latency = results.latency
    console.print(
        f"{results.model}; mode {results.setting.mode}. A search took {latency.median:.1f} ms (median), "
        f"{latency.p95:.1f} ms (p95), without the embedding of the question."
    )


def _telling(results: Results) -> list[str]:
    top_k = results.setting.top_k
    wanted = ["recall@5", results.headline, f"hit@{SHOWN_HITS}", f"all@{top_k}", "MRR", f"nDCG@{top_k}"]
    shown = [name for name in results.measures if name.startswith(f"hit@{SHOWN_HITS} ±")]
    wanted += [*shown, f"{SESSION}{results.headline}"]
    return [name for name in results.measures if name in wanted]


def _table(title: str, measures: Sequence[str], found: Mapping[str, Mapping[str, Estimate]]) -> Table:
    table = Table("", *found, title=escape(title), title_justify="left")
    for measure in measures:
        table.add_row(measure, *(escape(str(estimates[measure])) for estimates in found.values()))
    return table


# --- Comparison ---------------------------------------------------------------------------------------------------


def show_differences(
    console: Console, differences: Sequence[Difference], *, headline: str, texts: Mapping[str, str]
) -> None:
    """What changed, and the questions that `headline` won and lost."""
    title = "Against the other run; * where the interval leaves out 0"
    table = Table("", "before", "after", "change", "won", "lost", title=title, title_justify="left")
    for one in differences:
        change = f"{one.change.mean:+.3f} [{one.change.low:+.3f}, {one.change.high:+.3f}]{' *' * one.is_clear}"
        counts = (f"{len(one.won):,}", f"{len(one.lost):,}")
        table.add_row(one.measure, f"{one.before:.3f}", f"{one.after:.3f}", escape(change), *counts)
    console.print(table)
    for one in differences:
        if one.measure == headline:
            _show_questions(console, f"Won in {headline}", one.won, texts)
            _show_questions(console, f"Lost in {headline}", one.lost, texts)


def _show_questions(console: Console, title: str, ids: Sequence[str], texts: Mapping[str, str]) -> None:
    if ids:
        console.print(f"{title}: {len(ids):,}")
    for name in ids[:CHANGES_SHOWN]:
        console.print(escape(f"  {name}: {texts[name][:TEXT_SHOWN]}"), highlight=False)
    if len(ids) > CHANGES_SHOWN:
        console.print(f"  and {len(ids) - CHANGES_SHOWN:,} more")
