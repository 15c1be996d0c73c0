"""`manage.py reembed` and `backfill_embeddings`: each does all of its work itself, where no worker runs."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from memories import embedding, reembedding
from memories.ingest import NewMessage, store
from memories.management import inline
from memories.models import EmbeddingWindow, Job, MessageEmbedding
from memories.providers.base import ProviderRejected
from memories.providers.mock import MockProvider
from memories.search import Query
from memories.tests.helpers import embed_all, raising, searched
from memories.tests.test_inline import Terminal
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

OLD, NEW = "mock:mock:64", "mock:mock:32"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(reembedding, "LOOK_AGAIN", reembedding.LOOK_AGAIN * 0)
    monkeypatch.setattr(inline, "IDLE_SECONDS", 0)


def run(*options: str, command: str = "reembed") -> str:
    out = StringIO()
    with plain_login():
        call_command(command, *options, stdout=out)
    return out.getvalue()


def said(tenant: Tenant, *contents: str) -> None:
    store(tenant, [NewMessage("c1", "user", one) for one in contents])
    embed_all()


def models(tenant: Tenant) -> tuple[str, str, str]:
    tenant.refresh_from_db()
    return tenant.embedding_model, tenant.next_embedding_model, tenant.previous_embedding_model


def test_all_of_it_by_one_command(tenant):
    said(tenant, "a cat", "a dog")
    out = run("--dimensions", "32")
    assert out == (
        f"{tenant.slug}: from {OLD} to {NEW}: 2 messages and 0 facts, less than a minute.\n"
        f"{tenant.slug}: searched by {NEW}.\n"
    )
    assert models(tenant) == (NEW, "", OLD)
    found = searched(tenant, Query("cat", mode="semantic", top_k=1), provider=MockProvider(dimensions=32))
    assert [hit.message.content for hit in found.hits] == ["a cat"]


def test_a_dry_run_says_what_there_is_to_do_and_does_nothing(tenant):
    said(tenant, "a cat")
    assert "1 messages and 0 facts" in run("--dimensions", "32", "--dry-run")
    assert (models(tenant), Job.objects.exists()) == (("", "", ""), False)
    assert not MessageEmbedding.objects.filter(model=NEW).exists()


def test_of_one_tenant_alone(tenant):
    other = TenantFactory.create()
    run("--dimensions", "32", "--tenant", tenant.slug)
    assert (models(tenant)[0], models(other)[0]) == (NEW, "")


def test_of_all_tenants_but_those_that_have_it(tenant):
    other = TenantFactory.create(embedding_model=NEW)
    assert run("--dimensions", "32").count("searched by") == 1
    assert run("--dimensions", "32") == f"Searched by {NEW} already: {tenant.slug}, {other.slug}.\n"


def test_a_terminal_sees_a_bar(tenant):
    said(tenant, "a cat", "a dog")
    out = Terminal()
    with plain_login():
        call_command("reembed", "--dimensions", "32", stdout=out)
    assert "2/2" in out.getvalue()


def test_a_model_that_does_not_answer_is_not_begun(tenant, settings):
    settings.MEMORY_OPENAI_API_KEY, settings.MEMORY_OPENAI_BASE_URL = "key", "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="does not answer, so nothing was begun"):
        run("--provider", "openai")
    assert models(tenant) == ("", "", "")


def test_what_the_model_needs_is_said(tenant, settings):
    settings.MEMORY_OPENAI_API_KEY = settings.MEMORY_OPENAI_BASE_URL = None
    with pytest.raises(CommandError, match="MEMORY_OPENAI_API_KEY"):
        run("--provider", "openai")


@pytest.mark.parametrize("options", [(), ("--rollback", "--prune"), ("--prune", "--dimensions", "32")])
def test_one_thing_is_to_be_said(options):
    with pytest.raises(CommandError, match="Say one"):
        run(*options)


def test_ctrl_c_leaves_all_that_was_done_and_it_goes_on(tenant, monkeypatch):
    monkeypatch.setattr(reembedding, "PORTION", 2)
    said(tenant, "a cat", "a dog", "a cow")
    embed_batch = embedding.embed_batch

    def interrupt(*args, **options):
        embed_batch(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(embedding, "embed_batch", interrupt)
    with pytest.raises(CommandError, match="Interrupted") as caught:
        run("--dimensions", "32")
    assert (caught.value.returncode, models(tenant)) == (130, ("", NEW, ""))
    monkeypatch.setattr(embedding, "embed_batch", embed_batch)
    assert "1 messages and 0 facts" in run("--dimensions", "32")
    assert (models(tenant)[0], EmbeddingWindow.objects.filter(model=NEW).count()) == (NEW, 3)


# --- Back -------------------------------------------------------------------------------------------------------------


def test_back_to_the_model_before_with_what_was_stored_since(tenant):
    said(tenant, "a cat")
    run("--dimensions", "32")
    store(tenant, [NewMessage("c1", "user", "a dog")])
    assert "1 messages and 0 facts" in run("--rollback")
    assert (models(tenant), EmbeddingWindow.objects.filter(model=OLD).count()) == ((OLD, "", NEW), 2)


def test_what_is_on_its_way_is_given_up(tenant):
    reembedding.begin(tenant, model=NEW)
    assert run("--rollback") == f"{tenant.slug}: {NEW} is given up; searched by {OLD} as before.\n"
    assert (models(tenant), Job.objects.get().status) == (("", "", ""), "cancelled")


def test_who_has_nothing_to_go_back_to_is_named(tenant):
    with pytest.raises(CommandError, match=f"nothing to go back to: {tenant.slug}"):
        run("--rollback")


def test_pruned_there_is_no_way_back(tenant):
    said(tenant, "a cat")
    run("--dimensions", "32")
    assert run("--prune", "--dry-run") == f"{tenant.slug}: 1 vectors of {OLD} are not used.\nNothing is deleted.\n"
    assert run("--prune") == f"{tenant.slug}: 1 vectors of {OLD} are not used.\nDone.\n"
    assert (models(tenant), EmbeddingWindow.objects.filter(model=OLD).exists()) == ((NEW, "", ""), False)
    with pytest.raises(CommandError, match="nothing to go back to"):
        run("--rollback")


# --- backfill_embeddings ----------------------------------------------------------------------------------------------


def test_what_has_no_vector_gets_one(tenant):
    said(tenant, "a cat", "a dog")
    MessageEmbedding.objects.filter(message__content="a dog").delete()
    assert run("--dry-run", command="backfill_embeddings") == "Without a vector: 1 messages and 0 facts.\n"
    assert run(command="backfill_embeddings") == "Without a vector: 1 messages and 0 facts.\nDone.\n"
    assert run(command="backfill_embeddings") == "Without a vector: 0 messages and 0 facts.\n"


def test_what_fails_again_is_said(tenant, monkeypatch):
    store(tenant, [NewMessage("c1", "user", "a cat")])
    embedding.embed_batch(raising(ProviderRejected("no")))
    monkeypatch.setattr(inline, "provider_of", lambda _: raising(ProviderRejected("no")))
    assert "1 messages failed" in run(command="backfill_embeddings")
