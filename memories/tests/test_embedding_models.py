"""Each tenant is searched by one model; those that are at work are found from the tenants."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from memories import embedding_models, providers
from memories.embedding_models import all_filling, all_serving, parts, provider_for, provider_of, served_by, serving
from memories.ingest import NewMessage, store
from memories.models import EmbeddingWindow, MessageEmbedding
from memories.search import Query
from memories.tests.helpers import searched
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory

MOCK, SMALL, UNKNOWN = "mock:mock:64", "mock:mock:32", "openai:text-embedding-3-small:1536"


@pytest.mark.parametrize("key", [MOCK, "openai:llama3.1:8b-instruct:4096", "sentence_transformer:a/b:384"])
def test_a_key_says_provider_model_and_dimensions_whatever_the_models_name(key):
    assert ":".join(map(str, parts(key))) == key


@pytest.mark.parametrize("key", ["", "mock", "mock:32", "mock::32", "mock:mock:many", "mock:mock:"])
def test_what_is_no_key_is_named(key):
    with pytest.raises(ImproperlyConfigured, match="PROVIDER:MODEL:DIMENSIONS"):
        parts(key)


def test_the_key_of_the_settings_gives_their_provider():
    assert provider_of(MOCK) is providers.embedding_provider()


def test_any_other_key_gives_a_provider_of_its_own_once_a_process():
    small = provider_of(SMALL)
    assert (small.name, small.model_name, small.dimensions) == ("mock", "mock", 32)
    assert provider_of(SMALL) is small


def test_a_provider_that_nobody_knows_is_named():
    with pytest.raises(ImproperlyConfigured, match='no embedding provider "parrot"'):
        provider_of("parrot:polly:3")


def test_what_a_model_needs_and_has_not_is_said(settings):
    settings.MEMORY_OPENAI_API_KEY = settings.MEMORY_OPENAI_BASE_URL = None
    with pytest.raises(ImproperlyConfigured, match="MEMORY_OPENAI_API_KEY"):
        provider_of(UNKNOWN)


@pytest.mark.django_db
def test_a_tenant_goes_by_the_settings_unless_it_names_a_model(tenant):
    assert (serving(tenant), provider_for(tenant).dimensions) == (MOCK, 64)
    tenant.embedding_model = SMALL
    assert (serving(tenant), provider_for(tenant).dimensions) == (SMALL, 32)


@pytest.mark.django_db
def test_a_model_that_cannot_be_had_is_as_one_that_does_not_answer(tenant, settings):
    settings.MEMORY_OPENAI_API_KEY = settings.MEMORY_OPENAI_BASE_URL = None
    store(tenant, [NewMessage("c1", "user", "a cat")])
    tenant.embedding_model = UNKNOWN
    found = searched(tenant, Query("cat"), provider=provider_for(tenant))
    assert ([hit.message.content for hit in found.hits], found.degraded) == (["a cat"], True)


@pytest.mark.django_db
def test_tenants_are_found_by_the_model_that_serves_them(tenant):
    small = TenantFactory.create(embedding_model=SMALL)
    named = TenantFactory.create(embedding_model=MOCK)
    assert set(served_by(SMALL)) == {small}
    assert set(served_by(MOCK)) == {tenant, named}


@pytest.mark.django_db
def test_models_at_work_are_those_of_the_settings_and_of_all_tenants(tenant):
    assert (all_serving(), all_filling()) == ([MOCK], [])
    TenantFactory.create(embedding_model=SMALL, next_embedding_model="mock:mock:16")
    TenantFactory.create(next_embedding_model=SMALL, previous_embedding_model="mock:mock:8")
    assert (all_serving(), all_filling()) == ([MOCK, SMALL], ["mock:mock:16"])


@pytest.mark.django_db
def test_what_is_stored_is_to_be_embedded_by_the_serving_and_by_the_next_model(tenant):
    Tenant.objects.filter(pk=tenant.pk).update(embedding_model=SMALL, next_embedding_model="mock:mock:16")
    store(tenant, [NewMessage("c1", "user", "a cat")])  # with the tenant as it was read before
    assert set(MessageEmbedding.objects.values_list("model", flat=True)) == {SMALL, "mock:mock:16"}


@pytest.mark.django_db(transaction=True)
def test_inline_embedding_goes_by_the_same_models(tenant, settings):
    settings.MEMORY_ASYNC_EMBEDDINGS = False
    Tenant.objects.filter(pk=tenant.pk).update(embedding_model=SMALL, next_embedding_model="mock:mock:16")
    store(tenant, [NewMessage("c1", "user", "a cat")])
    assert set(EmbeddingWindow.objects.values_list("model", flat=True)) == {SMALL, "mock:mock:16"}


@pytest.mark.django_db
def test_a_repeat_shows_its_state_under_the_serving_model(tenant):
    turn = NewMessage("c1", "user", "a cat", external_id="one")
    (first,) = store(tenant, [turn])
    MessageEmbedding.objects.create(tenant=tenant, message=first.message, model=SMALL, status="completed")
    tenant.embedding_model = SMALL
    (repeat,) = store(tenant, [turn])
    status = repeat.message.embedding_status  # type: ignore[attr-defined]  # annotated by for_display
    assert (repeat.is_new, status) == (False, "completed")


@pytest.mark.django_db
def test_in_sql_the_serving_model_is_the_same(tenant):
    small = TenantFactory.create(embedding_model=SMALL)
    rows = Tenant.objects.annotate(serving=embedding_models.serving_of()).values_list("slug", "serving")
    assert dict(rows) == {tenant.slug: MOCK, small.slug: SMALL}
