"""`manage.py reembed`: another embedding model for what is stored, without a pause (docs/operations.md)."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from memories import embedding_models, providers, reembedding
from memories.embedding_models import serving
from memories.management import inline
from memories.models import Message
from memories.providers.base import EmbeddingProvider, ProviderError, model_key
from memories.reembedding import Refused
from tenants.isolation import tenant_scope
from tenants.management import terminal
from tenants.models import Tenant

SAMPLE = 32  # messages that the model is tried on
NAMES_MODEL = ("model", "provider", "dimensions")


class Command(BaseCommand):
    help = (
        "Embed all messages and facts by another model, and then search by that one; until then searches use the old"
        " one. May be stopped and run again, and run beside the service."
    )
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", help="its name; default: that of the settings, or the provider's own")
        parser.add_argument("--provider", choices=providers.CLASSES, help="default: that of the settings")
        parser.add_argument("--dimensions", type=_positive, metavar="N", help="default: what the model gives")
        parser.add_argument("--rollback", action="store_true", help="give up what is being filled, or else go back")
        parser.add_argument("--prune", action="store_true", help="delete the vectors of models that are not used")
        parser.add_argument("--tenant", metavar="SLUG", help="without it, of all tenants")
        parser.add_argument("--rate", type=_positive, metavar="N", help="at most so many messages a minute")
        parser.add_argument("--force", action="store_true", help="switch although some messages failed")
        parser.add_argument("--dry-run", action="store_true", help="say what there is to do, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        self.console, self.options = terminal.console_on(self.stdout), options
        tenants = terminal.tenants_of(options["tenant"])
        act = _chosen(options)
        try:
            {"rollback": self._roll_back, "prune": self._prune, "model": self._reembed}[act](tenants)
        except (Refused, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None

    def _reembed(self, tenants: Sequence[Tenant]) -> None:
        provider = _provider(self.options)
        model = model_key(provider)
        others = [one for one in tenants if serving(one) != model]
        if not others:
            self.console.print(f"Searched by {model} already: {_listed(tenants)}.")
            return
        self._go(others, model, rate=self._pace(provider, others))

    def _pace(self, provider: EmbeddingProvider, tenants: Sequence[Tenant]) -> float:
        """Messages a second that may be expected, measured on some of theirs: so it is seen that the model answers."""
        pace = _measured(provider, tenants[0])
        return min(pace, self.options["rate"] / 60) if self.options["rate"] else pace

    def _go(self, tenants: Sequence[Tenant], model: str, *, rate: float) -> None:
        for tenant in tenants:
            _tell(self.console, tenant, model, rate=rate)
        if self.options["dry_run"]:
            return
        asked = {"model": model, "rate": self.options["rate"], "is_forced": self.options["force"]}
        jobs = [reembedding.begin(tenant, **asked) for tenant in tenants]
        for tenant, job in zip(tenants, jobs, strict=True):
            inline.work_off_beside_workers(job, self.console, model=model, description=tenant.slug)
            self.console.print(f"{tenant.slug}: searched by {model}.")

    def _roll_back(self, tenants: Sequence[Tenant]) -> None:
        on_their_way = [one for one in tenants if one.next_embedding_model]
        back = [one for one in tenants if one.previous_embedding_model and not one.next_embedding_model]
        if not (on_their_way or back):
            raise CommandError(f"There is nothing to go back to: {_listed(tenants)}.")
        for tenant in on_their_way:
            given_up = tenant.next_embedding_model if self.options["dry_run"] else reembedding.give_up(tenant)
            self.console.print(f"{tenant.slug}: {given_up} is given up; searched by {serving(tenant)} as before.")
        for tenant in back:
            self._go([tenant], tenant.previous_embedding_model, rate=self._pace_of_previous(tenant))

    def _pace_of_previous(self, tenant: Tenant) -> float:
        return self._pace(embedding_models.provider_of(tenant.previous_embedding_model), [tenant])

    def _prune(self, tenants: Sequence[Tenant]) -> None:
        for tenant in tenants:
            counts = _superfluous(tenant)
            for model, count in counts:
                self.console.print(f"{tenant.slug}: {count:,} vectors of {model} are not used.")
            if counts and not self.options["dry_run"]:
                inline.work_off(reembedding.queue_pruning(tenant), self.console, description=tenant.slug)
        self.console.print("Nothing is deleted." if self.options["dry_run"] else "Done.")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"expected a number from 1, not {text!r}")
    return int(text)


def _chosen(options: dict[str, Any]) -> str:
    asked = {name: options[name] for name in ("rollback", "prune")}
    asked["model"] = any(options[name] for name in NAMES_MODEL)
    chosen = [name for name, is_asked in asked.items() if is_asked]
    if len(chosen) != 1:
        raise CommandError("Say one: --model (or --provider, --dimensions), --rollback, or --prune.")
    return chosen[0]


def _listed(tenants: Sequence[Tenant]) -> str:
    return ", ".join(one.slug for one in tenants) or "no tenant"


# --- The model ------------------------------------------------------------------------------------------------------


def _provider(options: dict[str, Any]) -> EmbeddingProvider:
    """The model asked for: without a provider that of the settings, without both its model."""
    known = None if options["provider"] else settings.MEMORY_EMBEDDING_MODEL_NAME
    name = options["provider"] or settings.MEMORY_EMBEDDING_PROVIDER
    return providers.provider_of(name, model_name=options["model"] or known, dimensions=options["dimensions"])


def _measured(provider: EmbeddingProvider, tenant: Tenant) -> float:
    """Messages a second. Raises CommandError where the model does not answer."""
    with tenant_scope(tenant):
        texts = list(Message.objects.for_tenant(tenant).order_by("-pk").values_list("content", flat=True)[:SAMPLE])
    texts = texts or ["Is anybody there?"]
    try:
        provider.embed_query(texts[0])  # a local model is loaded first
        started = time.perf_counter()
        provider.embed_documents([window for text in texts for window in provider.split(text)])
    except ProviderError as error:
        raise CommandError(f"{model_key(provider)} does not answer, so nothing was begun: {error}") from error
    return len(texts) / (time.perf_counter() - started)


# --- What there is --------------------------------------------------------------------------------------------------


def _tell(console: Console, tenant: Tenant, model: str, *, rate: float) -> None:
    with tenant_scope(tenant):
        messages, facts = reembedding.left(tenant, model)
    minutes = (messages + facts) / rate / 60
    estimate = f"about {minutes:,.0f} min" if minutes >= 1 else "less than a minute"
    console.print(
        f"{tenant.slug}: from {serving(tenant)} to {model}: {messages:,} messages and {facts:,} facts, {estimate}."
    )


def _superfluous(tenant: Tenant) -> Sequence[tuple[str, int]]:
    with tenant_scope(tenant):
        return reembedding.counts_of_superfluous(tenant)
