"""Whom or what an erasure is about, and which rows go with it.

Rows are found by following every reference that cascades, so that a table yet to come is found as soon as it has one.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CASCADE, Model, Q, QuerySet

from memories.editing import Held
from memories.models import Conversation, Hold, Message
from retention.models import Receipt
from tenants.ids import as_uuid
from tenants.models import AuditEvent, EndUser, Tenant

KEPT: frozenset[type[Model]] = frozenset({AuditEvent, Receipt})  # they say what was done, never what was said
KINDS: dict[type[Model], str] = {Tenant: "tenant", EndUser: "user", Conversation: "conversation"}
Rows = dict[type[Model], QuerySet[Any]]


class UnknownSubject(Exception):
    """Nothing of this name is stored."""


@dataclass(frozen=True)
class Subject:
    """An end user or a conversation of `tenant`, or the tenant itself."""

    tenant: Tenant
    row: Tenant | EndUser | Conversation

    @property
    def kind(self) -> str:
        return KINDS[type(self.row)]

    @property
    def name(self) -> str:
        """What clients call it."""
        if isinstance(self.row, Tenant):
            return self.row.slug
        return self.row.public_id if isinstance(self.row, EndUser) else self.row.external_id

    @property
    def digest(self) -> str:
        """SHA-256 of "kind:tenant slug:name": whoever knows the name can tell that this is meant, nobody else."""
        return hashlib.sha256(f"{self.kind}:{self.tenant.slug}:{self.name}".encode(errors="surrogatepass")).hexdigest()


def find(tenant: Tenant, kind: str, name: str) -> Subject:
    """The subject that a client calls `name`, or that has this UUID; in the tenant's scope. Raises UnknownSubject."""
    if kind == "tenant":
        return Subject(tenant, tenant)
    found: EndUser | Conversation | None
    if kind == "user":
        found = EndUser.objects.known_as(tenant, [name]).order_by("external_id").first()
    else:
        named = Q(external_id=name) | Q(pk=as_uuid(name))
        found = Conversation.objects.for_tenant(tenant).filter(named).first()
    if found is None:
        raise UnknownSubject(f'There is no {kind} "{name}" in "{tenant.slug}".')
    return Subject(tenant, found)


def tenant_models() -> list[type[Model]]:
    """Every model whose rows belong to tenants."""
    return [model for model in apps.get_models(include_auto_created=True) if model is Tenant or _has_tenant(model)]


def _has_tenant(model: type[Model]) -> bool:
    try:
        return model._meta.get_field("tenant").related_model is Tenant
    except FieldDoesNotExist:
        return False


def rows_of(subject: Subject) -> Rows:
    """The rows that are the subject's or hang on one that is, by model."""
    found = {model: _reached(model, subject) for model in tenant_models() if model not in KEPT}
    return {model: rows for model, rows in found.items() if rows is not None}


def _reached(model: type[Model], subject: Subject) -> QuerySet[Any] | None:
    """Those of the model's rows that go with the subject; None where no reference leads from it to the subject."""
    everything: QuerySet[Any] = QuerySet(model)
    if isinstance(subject.row, model):
        return everything.filter(pk=subject.row.pk)
    if isinstance(subject.row, Tenant):
        return everything.filter(tenant=subject.row)
    ways = {name: _reached(target, subject) for name, target in _parents(model)}
    conditions = [Q(**{f"{name}__in": rows}) for name, rows in ways.items() if rows is not None]
    return everything.filter(Q(*conditions, _connector=Q.OR)) if conditions else None


def _parents(model: type[Model]) -> list[tuple[str, Any]]:
    """The references whose target takes the row with it; what all rows have in common leads nowhere."""
    fields: list[Any] = [field for field in model._meta.concrete_fields if field.is_relation]
    cascading = [field for field in fields if field.remote_field.on_delete is CASCADE]
    return [(one.name, one.related_model) for one in cascading if one.related_model not in (Tenant, model)]


def refuse_held(subject: Subject, rows: Rows) -> None:
    """Raise Held if a legal hold is on anything of `rows`, or reaches it from elsewhere. Pins do not protect."""
    legal = Hold.objects.for_tenant(subject.tenant).legal()
    whole = Q(conversation=None, end_user=None, message=None)
    if not legal.exists():
        return
    if legal.filter(whole | Q(pk__in=rows[Hold])).exists() or rows[Message].filter(legal.reach()).exists():
        raise Held(f"A legal hold keeps this {subject.kind} from being erased; lift it first.")
