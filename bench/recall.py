"""How fast facts are recalled: `python -m bench.recall`.

One user among others with 10,000 facts and their vectors; 200 questions, each recalled in the user's scope as a service
with an ordinary login does: first alone, then with the embedding of the question by the bundled model.
"""

import itertools
import os
import random
import statistics
import tempfile
import time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
FACTS, OTHERS, RECALLS = 10_000, 2, 200
KINDS = (
    ("location", "biographical", "Used to live in {thing}."),
    ("food", "user_preference", "Likes {thing}."),
    ("hobby", "user_preference", "Has {thing} as a hobby."),
    ("family", "relationship", "Has a sister who lives in {thing}."),
    ("project", "work_context", "Is working on {thing} and {thing}."),
    ("topic", "learning", "Is learning {thing}."),
)
QUESTIONS = (
    "Where did I live before {thing}?",
    "What food do I like?",
    "where does my sister live",
    "¿Qué idioma estoy aprendiendo?",
    "can you recommend a restaurant for tonight?",
    "What do you know about me?",
    "what is the capital of {thing}?",
    "tell me about my projekt with {thing} and {thing}, it was due some weeks ago and I never finished it",
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as folder:
        os.environ |= {"MEMORY_DATA_DIR": folder, "MEMORY_LOG_LEVEL": "ERROR"}
        django.setup()
        from django.conf import settings

        from memory_layer import embedded, stack

        with embedded.lease(settings.MEMORY_DATA_DIR):
            stack.prepare()
            report()


def report() -> None:
    from django.db import connection

    from memories.providers import embedding_provider
    from tenants.models import Tenant

    provider, tenant = embedding_provider(), Tenant.objects.create(slug="bench")
    user, *_ = [make_user(tenant, f"user-{n}", provider) for n in range(1 + OTHERS)]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does a minute later
    asked = [filled(question) for question, _ in zip(itertools.cycle(QUESTIONS), range(RECALLS), strict=False)]
    measured = [timed(user, text, provider) for text in asked]
    found = statistics.mean(count for *_, count in measured)
    print(f"{FACTS:,} facts of a user, {RECALLS} recalls, {found:.1f} facts each on average")
    print(f"without embedding the question: {spread([recalling for _, recalling, _ in measured])}")
    print(f"with it: {spread([understanding + recalling for understanding, recalling, _ in measured])}")


def make_user(tenant: Any, name: str, provider: Any) -> Any:
    import numpy as np

    from memories.models import Fact, FactVector
    from memories.providers.base import model_key
    from tenants.isolation import tenant_scope
    from tenants.models import EndUser

    with tenant_scope(tenant):
        user = EndUser.objects.create(tenant=tenant, external_id=name)
        facts = Fact.objects.bulk_create(make_fact(user, n) for n in range(FACTS))
        rows = np.random.default_rng(len(name)).normal(size=(FACTS, provider.dimensions)).astype(np.float32)
        key = model_key(provider)
        FactVector.objects.bulk_create(
            (
                FactVector(tenant=tenant, fact=fact, model=key, vector=row)
                for fact, row in zip(facts, rows, strict=True)
            ),
            batch_size=1000,
        )
    return user


def make_fact(user: Any, number: int) -> Any:
    from datetime import timedelta

    from django.utils import timezone

    from memories.models import Fact

    slot, category, template = KINDS[number % len(KINDS)]
    said = timezone.now() - timedelta(days=number % 400)
    return Fact(
        tenant_id=user.tenant_id,
        end_user=user,
        category=category,
        slot=slot,
        content=filled(template),
        confidence=0.5 + number % 50 / 100,
        temporal_state="past" if slot == "location" else "current",
        said_at=said,
        last_refreshed_at=said,
        valid_from=said,
    )


def filled(template: str) -> str:
    """With invented words, of which there are some thousands."""
    return "".join(part + word() for part in template.split("{thing}")[:-1]) + template.split("{thing}")[-1]


def word() -> str:
    return "".join(random.choice("bdfgklmnprstvz") + random.choice("aeiou") for _ in range(3)).title()


def timed(user: Any, text: str, provider: Any) -> tuple[float, float, int]:
    """Seconds of understanding and of recalling, and how many facts were found."""
    from django.utils import timezone

    from memories.facts.recall import Question, recall, understand
    from tenants.isolation import tenant_scope

    started = time.perf_counter()
    meant = understand(Question(text), provider=provider)
    understood = time.perf_counter()
    with tenant_scope(user.tenant, end_user_id=user.pk):
        found = recall(user, meant, now=timezone.now())
    return understood - started, time.perf_counter() - understood, len(found)


def spread(seconds: list[float]) -> str:
    return (
        f"p50 {statistics.median(seconds) * 1000:.0f} ms, p95 {statistics.quantiles(seconds, n=20)[18] * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
