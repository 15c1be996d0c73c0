"""What the pages show in the browser tests: three tenants, each time the same, as of now."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule

from memories import embedding, ingest
from memories.ingest import NewMessage
from memories.models import Conversation, Fact, FactSource, Hold, Message, MessageEmbedding, Profile, TokenSpend
from memories.providers import embedding_provider
from memories.tests.factories import FactFactory, JobFactory
from memories.usage.roll_up import roll_up
from memory_layer.tests import admin_addresses
from retention import runs
from retention.erasure import receipts
from retention.models import Policy, Receipt, Rule
from tenants import audit, keys
from tenants.isolation import across_tenants
from tenants.models import EndUser, Tenant

SAMPLE = settings.BASE_DIR / "docs" / "samples" / "conversation.jsonl"
PASSWORD = "correct horse battery staple"
LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle" * 2
KNOWN = (  # category, slot, what, standing, essential
    ("biographical", "location", "Lives in Sheffield.", "holds", True),
    ("biographical", "location", "Lives in Bristol.", "superseded", False),
    ("biographical", "age", "Is 33 years old.", "holds", True),
    ("work_context", "employer", "Works at Brightwater Logistics as a data analyst.", "holds", True),
    ("relationship", "partner", "Her partner is Jonas Lindqvist, a children's nurse.", "holds", True),
    ("relationship", "family", "Her sister Ada lives in Cardiff with her son Kobi.", "holds", False),
    ("user_preference", "food", "Does not eat anything with cashews in it.", "holds", True),
    ("user_preference", "hobby", "Bakes sourdough at the weekend.", "holds", False),
    ("learning", "course", "Took a course in Swedish.", "ended", False),
    ("user_preference", "food", f"Once had to spell {LONG_WORD}.", "not_accepted", False),
)


@dataclass(frozen=True)
class Seeded:
    """What tests look for by name. `pages`: the address of a row of each model, by app and model."""

    operator: User
    pages: dict[str, str]
    tenant: Tenant
    bank: Tenant
    talk: Conversation
    person: EndUser


def fill() -> Seeded:
    now, random = timezone.now(), Random(7)
    operator = User.objects.create_superuser("olivia", password=PASSWORD)
    User.objects.create_user("watcher", password=PASSWORD, is_staff=True)
    shop, bank, _ = (_tenant(slug, name) for slug, name in TENANTS.items())
    CrontabSchedule.objects.create(minute="30", hour="3")
    with across_tenants():
        _talk_to(shop, now=now, random=random)
        _talk_to(bank, now=now - timedelta(days=40), random=random)
        person = EndUser.objects.get(tenant=shop, external_id="maya")
        _know(person, now=now)
        _work(person, now=now)
        _spend([shop, bank], now=now, random=random)
        _keep(shop, bank, person=person)
        _issue(shop, person)
    roll_up(now=timezone.now() + timedelta(minutes=5))  # it leaves out what was stored just now
    with across_tenants():
        talk = Conversation.objects.filter(tenant=shop).earliest("created_at")
        return Seeded(operator, _pages(), shop, bank, talk, person)


def _pages() -> dict[str, str]:
    newest = {model: model._default_manager.order_by("-pk").first() for model in admin_addresses.models()}
    return {admin_addresses.name_of(model): admin_addresses.page_of(row) for model, row in newest.items() if row}


TENANTS = {"acme-shop": "Acme's shop assistant", "north-bank": "North Bank", "tutor": ""}


def _tenant(slug: str, name: str) -> Tenant:
    tenant = Tenant.objects.create(slug=slug, name=name, rate_limit="300/minute", daily_token_budget=50_000)
    audit.record("tenant.created", tenant, tenant=tenant)
    return tenant


def _talk_to(tenant: Tenant, *, now: datetime, random: Random) -> None:
    """The sample conversations, ending `now`; one message could not be embedded, and some wait to be."""
    lines = [json.loads(line) for line in SAMPLE.read_text().splitlines()]
    last = datetime.fromisoformat(lines[-1]["created_at"])
    ids = [stored.message.pk for stored in ingest.store(tenant, [_moved(line, now - last) for line in lines])]
    while embedding.embed_batch(embedding_provider()):
        pass
    odd = MessageEmbedding.objects.filter(message__in=random.sample(ids, 5))
    odd.update(status="pending", completed_at=None)
    odd.filter(pk=odd[:1].get().pk).update(status="failed", attempts=5, error=f"The provider was away. {LONG_WORD}")
    Message.objects.filter(pk__in=random.sample(ids, 8)).update(archived_at=now)


def _moved(line: dict[str, Any], by: timedelta) -> NewMessage:
    said_at = datetime.fromisoformat(line["created_at"]) + by
    return NewMessage(**{**line, "created_at": min(said_at, timezone.now())})


def _know(person: EndUser, *, now: datetime) -> None:
    said = list(Message.objects.filter(tenant=person.tenant, role="user").order_by("created_at")[: len(KNOWN)])
    for days, ((category, slot, content, standing, is_essential), message) in enumerate(zip(KNOWN, said, strict=True)):
        since = now - timedelta(days=200 - 15 * days)
        fact = FactFactory.create(
            end_user=person,
            category=category,
            slot=slot,
            content=content,
            standing=standing,
            is_essential=is_essential,
            said_at=since,
            valid_until=now - timedelta(days=20) if standing in ("ended", "superseded") else None,
            read_by="rules:1",
        )
        FactSource.objects.create(tenant=person.tenant, fact=fact, message_id=message.pk)
    lives, lived = Fact.objects.filter(end_user=person, slot="location").order_by("-standing", "content")
    Fact.objects.filter(pk=lives.pk).update(replaced_by=lived.pk)
    summary = "Maya has moved from Bristol to Sheffield with Jonas and their dog."
    Profile.objects.create(
        end_user=person, tenant=person.tenant, summary=summary, key_traits=["brief", "fond of lists"], updated_at=now
    )


def _work(person: EndUser, *, now: datetime) -> None:
    talks = list(Conversation.objects.filter(tenant=person.tenant).order_by("created_at"))
    for number, talk in enumerate(talks):
        ended = {"status": "succeeded", "finished_at": now, "result": {"facts": number, "messages": 20}}
        JobFactory.create(end_user=person, conversation=talk, attempts=1, **ended)
    error = f"The model answered with something that is no JSON, five times over. {LONG_WORD}"
    JobFactory.create(end_user=person, conversation=talks[0], status="failed", attempts=5, error=error, finished_at=now)
    JobFactory.create(end_user=person, kind="consolidate", due_at=now + timedelta(hours=1))
    JobFactory.create(tenant=person.tenant, end_user=None, kind="reindex", done=4_000, total=10_000)


def _spend(tenants: list[Tenant], *, now: datetime, random: Random) -> None:
    for tenant in tenants:
        for ago in range(30):
            tokens = random.randrange(5_000, 60_000)
            day = now.astimezone(UTC).date() - timedelta(days=ago)
            counts = {"calls": 40, "input_tokens": tokens, "output_tokens": tokens // 9, "cost": tokens / 1e6}
            TokenSpend.objects.create(tenant=tenant, day=day, model="openai:gpt-5-mini", **counts)


def _keep(shop: Tenant, bank: Tenant, *, person: EndUser) -> None:
    """Policies and rules, a dry run, a run that moved to cold storage, holds, a receipt."""
    for tenant, mode in ((shop, "dry_run"), (bank, "enforce")):
        Policy.objects.create(tenant=tenant, mode=mode, max_age_days=30, importance_threshold=0.9, delete_after_days=90)
        conditions = {"max_age_days": 170 if tenant == bank else 100}
        common = {"tenant": tenant, "rule_type": "age", "conditions": conditions}
        Rule.objects.create(name="Old tool output", action="move_to_cold_storage", priority=10, **common)
    Hold.objects.create(tenant=shop, end_user=person, reason="Case 2026/17, until the court has spoken.")
    pinned = Message.objects.filter(tenant=shop).latest("created_at")
    Hold.objects.create(tenant=shop, kind="pin", message=pinned, reason="Shown in training.")
    runs.begin(shop, trigger="admin", dry_run=True)
    runs.execute(runs.begin(bank, trigger="schedule", dry_run=False))
    receipt = Receipt(tenant=bank, subject_kind="user", subject_digest="5d" * 32, counts={"messages": 212}, proof={})
    receipts.sign(receipt)
    receipt.save()


def _issue(tenant: Tenant, person: EndUser) -> None:
    keys.issue(tenant, name="The shop's back end")
    keys.issue(tenant, name="Maya's telephone", end_user=person)
    keys.issue(None, name="Deployment")
    keys.revoke([keys.issue(tenant, name="Lost in a taxi")[0]])
