"""Every table that holds tenants' rows, those of models yet to come included, is covered by erasure and its proof."""

import pytest
from django.db import connection, models
from django.test.utils import isolate_apps
from psycopg.sql import SQL, Identifier, Literal

from memories.models import CommonTerm, DailyUsage, TenantSize, TokenSpend
from memory_layer.tests.tenant_rows import MODELS, row_of
from retention.erasure import proof, subjects
from retention.erasure.needles import Find, Needles
from retention.erasure.subjects import KEPT, Subject, rows_of
from retention.models import ColdFile, Forecast, PlannedItem, Policy, Rule, Run
from tenants.ids import new_id
from tenants.models import EndUser, Tenant
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
MENTIONS = {PlannedItem, Run, ColdFile}  # refer to nobody; `retention.traces` and `cold_traces` see to them
IMPERSONAL = {Tenant, Policy, Rule, TokenSpend, DailyUsage, TenantSize, CommonTerm, Forecast}  # say nothing of a person
TEXT = "a text that nobody else has ever said to anybody"
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@pytest.fixture
def user(tenant) -> EndUser:
    return EndUserFactory.create(tenant=tenant)


def plant(model: type[models.Model], value: str) -> None:
    """A column that no model knows, with this value in every row."""
    named = {"table": Identifier(model._meta.db_table), "value": Literal(value)}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(SQL("ALTER TABLE {table} ADD COLUMN planted text DEFAULT {value}").format(**named))


def found(needles: Needles, tenant: Tenant) -> list[Find]:
    with plain_login():
        return proof.search_database(needles, tenant)[1]


def test_erasing_a_user_covers_every_table(user):
    """A table that fails here needs a reference that cascades, or someone who sees to it: then say so above."""
    reached = set(rows_of(Subject(user.tenant, user)))
    assert set(MODELS) - KEPT == reached | MENTIONS | IMPERSONAL
    assert not reached & (MENTIONS | IMPERSONAL | KEPT)


def test_erasing_a_tenant_reaches_every_table(tenant):
    assert set(rows_of(Subject(tenant, tenant))) == set(MODELS) - KEPT


@isolate_apps("retention")
def test_a_model_yet_to_come_is_reached_by_its_references(user):
    class Fact(models.Model):  # noqa: DJ008
        tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
        about = models.ForeignKey(EndUser, on_delete=models.CASCADE)

        class Meta:
            app_label = "retention"

    class Loose(models.Model):  # noqa: DJ008
        tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
        about = models.ForeignKey(EndUser, on_delete=models.SET_NULL, null=True)

        class Meta:
            app_label = "retention"

    subject = Subject(user.tenant, user)
    assert subjects._reached(Fact, subject) is not None
    assert subjects._reached(Loose, subject) is None


@every_model
def test_the_proof_finds_a_text_in_every_table(model, tenant):
    row_of(model, tenant)
    plant(model, TEXT)
    assert found(Needles(frozenset(), [TEXT], []), tenant) == [Find(f"{model._meta.db_table}.planted", "text")]


@every_model
def test_the_proof_finds_an_id_in_every_table_but_the_kept_ones(model, tenant):
    row_of(model, tenant)
    planted = new_id()
    plant(model, f"about {planted}")
    expected = [] if model in KEPT else [Find(f"{model._meta.db_table}.planted", "id")]
    assert found(Needles(frozenset({planted}), [], []), tenant) == expected
