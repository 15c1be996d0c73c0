"""`manage.py reindex_words`, and the migration that does the same."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from memories import editing
from memories.models import Message, Posting
from memories.models.posting import EVERY_MESSAGE
from memories.search import Query
from memories.search.reindexing import reindex, unindexed
from memories.tests.factories import ConversationFactory, MessageFactory
from memories.tests.helpers import at_once, searched
from tenants.models import Tenant
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

BEFORE, MIGRATION = [("memories", "0005_postings_and_tokens")], [("memories", "0006_index_stored_messages")]


def run(**options: object) -> str:
    out = StringIO()
    with plain_login():
        call_command("reindex_words", stdout=out, **options)
    return out.getvalue()


def unfound(tenant: Tenant, *contents: str) -> list[Message]:
    """Messages of the tenant that nobody has indexed."""
    talk = ConversationFactory.create(tenant=tenant)
    messages = [MessageFactory.create(conversation=talk, content=one) for one in contents]
    Posting.objects.filter(message__in=messages).delete()
    return messages


def found(tenant: Tenant, word: str) -> list[str]:
    return [hit.message.content for hit in searched(tenant, Query(word, mode="lexical")).hits]


def terms(message: Message) -> set[str]:
    return set(Posting.objects.filter(message=message).values_list("term", flat=True)) - {EVERY_MESSAGE}


@pytest.mark.django_db
def test_what_was_not_indexed_is_found_by_its_words(tenant) -> None:
    unfound(tenant, "a cat", "a dog")
    assert run() == "Messages to index: 2.\nDone.\n"
    assert found(tenant, "cat") == ["a cat"]
    assert run() == "Messages to index: 0.\n"


@pytest.mark.django_db
def test_a_dry_run_says_how_many_and_indexes_none(tenant) -> None:
    unfound(tenant, "a cat")
    assert run(dry_run=True) == "Messages to index: 1.\n"
    assert not Posting.objects.exists()


@pytest.mark.django_db
def test_of_one_tenant_alone(tenant) -> None:
    other = TenantFactory.create()
    unfound(tenant, "a cat")
    unfound(other, "a cat")
    run(tenant=tenant.slug)
    assert (found(tenant, "cat"), found(other, "cat")) == (["a cat"], [])


@pytest.mark.django_db
def test_an_unknown_tenant_is_named() -> None:
    with pytest.raises(CommandError, match="nobody"):
        run(tenant="nobody")


@pytest.mark.django_db
def test_after_a_change_of_language_all_is_indexed_in_the_new_one(tenant) -> None:
    message = MessageFactory.create(conversation=ConversationFactory.create(tenant=tenant), content="Katzen jagen")
    Tenant.objects.filter(pk=tenant.pk).update(language="german")
    assert run() == "Messages to index: 0.\n"
    before = terms(message)
    assert run(all=True) == "Messages to index: 1.\nDone.\n"
    assert (before, terms(message)) == ({"katzen", "jagen"}, {"katz", "jag"})


@pytest.mark.django_db
def test_a_run_that_was_stopped_goes_on_where_it_stopped(tenant) -> None:
    unfound(tenant, *(f"cat {number}" for number in range(5)))
    with plain_login():
        assert next(reindex(unindexed(Message.objects.all()), step=2)) == 2
    assert run() == "Messages to index: 3.\nDone.\n"
    assert len(found(tenant, "cat")) == 5


@pytest.mark.django_db
def test_a_cached_answer_is_not_served_after_it(tenant, django_capture_on_commit_callbacks) -> None:
    unfound(tenant, "a cat")
    assert found(tenant, "cat") == []
    with django_capture_on_commit_callbacks(execute=True):
        run()
    assert found(tenant, "cat") == ["a cat"]


@pytest.mark.django_db(transaction=True)
def test_beside_writers_the_words_are_those_of_the_text_as_it_stands(tenant) -> None:
    messages = unfound(tenant, *(f"cat {number}" for number in range(20)))

    def edit() -> None:
        for message in messages[1::4]:
            editing.update(message, {"content": "dog"})

    def delete() -> None:
        editing.delete(Message.objects.filter(pk__in=[one.pk for one in messages[::4]]))

    def index() -> int:
        return sum(reindex(Message.objects.all(), step=3))

    at_once(edit, delete, index)
    for message in messages[1::4]:
        assert terms(message) == {"dog"}
    assert {one for message in messages[2::4] for one in terms(message)} >= {"cat"}
    assert not any(map(terms, messages[::4]))


@pytest.fixture
def before_the_migration(transactional_db):
    MigrationExecutor(connection).migrate(BEFORE)
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_the_migration_indexes_what_was_stored_before_it(before_the_migration, tenant) -> None:
    unfound(tenant, "a cat")
    unfound(TenantFactory.create(), "a cat")
    with plain_login():
        MigrationExecutor(connection).migrate(MIGRATION)
    assert found(tenant, "cat") == ["a cat"]
    assert Posting.objects.filter(term="cat").count() == 2
