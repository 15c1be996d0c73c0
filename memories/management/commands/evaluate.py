"""`manage.py evaluate`: how well search finds what it should, on a labelled set (docs/evaluate.md)."""

import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console

from memories.evaluation import compare, picture, reading, report, run
from memories.evaluation import results as summing
from memories.evaluation.cache import Store, caching
from memories.evaluation.compare import NotARun
from memories.evaluation.labelled import LabelledSet
from memories.evaluation.results import PRODUCT, Results, Scores
from memories.evaluation.run import NotEmbedded, Setting
from memories.imports import UnreadableFile
from memories.providers import EmbeddingProvider, embedding_provider
from memories.providers.base import ProviderError, model_key
from memories.search import Mode
from tenants.management import terminal
from tenants.models import Tenant, validate_weights

TOP_K_MAX, NEIGHBOURS_MAX = 100, 3


class Command(BaseCommand):
    help = "Ask labelled questions of search, over a tenant of their own that is removed afterwards, and measure it."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="LoCoMo's JSON, LongMemEval's, or JSON Lines of your own")
        parser.add_argument("--format", choices=reading.FORMS, default="auto", help="default: seen from the content")
        parser.add_argument("--limit", type=_whole(1, None), metavar="N", help="ask N questions, evenly spaced")
        parser.add_argument("--mode", choices=get_args(Mode), default="hybrid")
        parser.add_argument("--weights", type=_weights, metavar="NAME:NUMBER,…", help="over MEMORY_RANKING_WEIGHTS")
        parser.add_argument("--top-k", type=_whole(1, TOP_K_MAX), default=10, help="default 10")
        neighbours = "turns shown around the first three hits (default 2)"
        parser.add_argument("--neighbours", type=_whole(0, NEIGHBOURS_MAX), default=2, help=neighbours)
        parser.add_argument("--baselines", action="store_true", help="BM25, cosine and their blends beside it")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
        parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the headline there, as SVG")
        parser.add_argument("--compare", type=Path, metavar="FILE", help="what changed since this run's --json")

    def handle(self, *args: Any, **options: Any) -> None:
        console, began = terminal.console_on(self.stdout), time.monotonic()
        before = _scores_in(options["compare"]) if options["compare"] else None
        _refuse_unwritable(options["json"], options["picture"])
        labelled = _labelled(options)
        report.show_set(console, labelled)
        setting = Setting(options["mode"], options["weights"], options["top_k"], options["neighbours"])
        results = _measured(labelled, setting, console=console, baselines=options["baselines"])
        report.show(console, results)
        console.print(f"Took {time.monotonic() - began:,.0f} s.")
        _write(results, options)
        if before is not None:
            _compare(console, before, results)


def _whole(low: int, high: int | None) -> Any:
    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < low or (high is not None and int(text) > high):
            raise ArgumentTypeError(f"expected a number from {low}{f' to {high}' if high else ''}, not {text!r}")
        return int(text)

    return whole


def _weights(text: str) -> dict[str, float]:
    try:
        weights = {name.strip(): float(number) for name, number in (part.split(":") for part in text.split(","))}
        validate_weights(weights)
    except ValidationError as error:
        raise ArgumentTypeError(" ".join(error.messages)) from None
    except ValueError:
        raise ArgumentTypeError(f"expected NAME:NUMBER,… such as semantic:0.5,lexical:0.5, not {text!r}") from None
    return weights


# --- Files --------------------------------------------------------------------------------------------------------


def _labelled(options: dict[str, Any]) -> LabelledSet:
    try:
        with Path(options["file"]).open("rb") as file:
            return reading.read(file, form=options["format"], limit=options["limit"])
    except OSError as error:
        raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
    except UnreadableFile as error:
        raise CommandError(f"{options['file']} is no labelled set. {error}") from error


def _scores_in(path: Path) -> dict[str, Scores]:
    try:
        return compare.scores_of(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}.") from error
    except NotARun as error:
        raise CommandError(f"{path} cannot be compared with. {error}") from error


def _refuse_unwritable(*paths: Path | None) -> None:
    """Before minutes of work, not after."""
    for path in paths:
        if path and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise CommandError(f"{path} cannot be written: expected is a file in a directory that exists.")


def _write(results: Results, options: dict[str, Any]) -> None:
    try:
        if options["json"]:
            options["json"].write_text(json.dumps(summing.as_json(results), indent=1) + "\n", encoding="utf-8")
        if options["picture"]:
            options["picture"].write_text(picture.drawn(results), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from error


def _compare(console: Console, before: Mapping[str, Scores], results: Results) -> None:
    try:
        differences = compare.differences(before, results.scores[PRODUCT])
    except NotARun as error:
        raise CommandError(str(error)) from error
    texts = {one.id: one.text for one in results.labelled.questions}
    report.show_differences(console, differences, headline=results.headline, texts=texts)


# --- Measuring ----------------------------------------------------------------------------------------------------


def _measured(labelled: LabelledSet, setting: Setting, *, console: Console, baselines: bool) -> Results:
    store = Store(settings.MEMORY_DATA_DIR / "evaluation" / f"embeddings-{settings.MEMORY_EMBEDDING_BACKEND}.sqlite3")
    provider = caching(embedding_provider(), store=store)
    try:
        with run.tenant_of_its_own() as tenant:
            _fill(tenant, labelled, provider=provider, console=console)
            return _asked(tenant, labelled, setting, provider=provider, console=console, baselines=baselines)
    except (NotEmbedded, ProviderError) as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        raise CommandError("Interrupted; what was stored is removed again.", returncode=130) from None
    finally:
        store.close()


def _fill(tenant: Tenant, labelled: LabelledSet, *, provider: EmbeddingProvider, console: Console) -> None:
    with terminal.progress_on(console) as bar:
        storing, embedding = (bar.add_task(name, total=len(labelled.messages)) for name in ("Storing", "Embedding"))
        run.store(tenant, labelled, on_progress=lambda done: bar.update(storing, completed=done))
        run.embed(tenant, provider=provider, on_progress=lambda done: bar.update(embedding, completed=done))


def _asked(
    tenant: Tenant,
    labelled: LabelledSet,
    setting: Setting,
    *,
    provider: EmbeddingProvider,
    console: Console,
    baselines: bool,
) -> Results:
    now = timezone.now()
    with terminal.progress_on(console) as bar:
        answers = [
            run.ask(tenant, one, provider=provider, setting=setting, now=now)
            for one in bar.track(labelled.questions, description="Asking")
        ]
    asked = zip(labelled.questions, answers, strict=True)
    scores: dict[str, dict[str, Scores]] = {
        PRODUCT: {question.id: summing.scored(question, answer, setting=setting) for question, answer in asked}
    }
    if baselines:
        scores |= _baseline_scores(tenant, labelled, setting, provider=provider, console=console)
    latency = summing.latency([answer.seconds for answer in answers if answer.seconds is not None])
    return Results(labelled, setting, model_key(provider), scores, latency)


def _baseline_scores(
    tenant: Tenant, labelled: LabelledSet, setting: Setting, *, provider: EmbeddingProvider, console: Console
) -> dict[str, dict[str, Scores]]:
    from memories.evaluation import baselines  # its libraries take a while to load

    scores: dict[str, dict[str, Scores]] = {}
    with terminal.progress_on(console) as bar:
        answers = baselines.answers(tenant, labelled.questions, provider=provider, setting=setting)
        for question, by_name in bar.track(answers, total=len(labelled.questions), description="Baselines"):
            for name, answer in by_name.items():
                scores.setdefault(name, {})[question.id] = summing.scored(question, answer, setting=setting)
    return scores
