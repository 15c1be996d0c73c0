"""The index of words, from the message's birth to its end."""

from functools import partial
from typing import Any

import pytest

from memories import editing
from memories.models import Message, Posting
from memories.search import postings
from memories.tests.search.talk import ask, contents, told
from tenants.isolation import tenant_scope
from tenants.tests.factories import TenantFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


def indexed(message: Message) -> dict[str, tuple[int, int]]:
    """Term → how often it stands in the message, of how many terms."""
    rows = Posting.objects.filter(message=message).values_list("term", "frequency", "length")
    return {term: (frequency, length) for term, frequency, length in rows}


def edited(message: Message, **changes: Any) -> Message:
    with plain_login(), tenant_scope(message.tenant):
        return editing.update(message, changes)


def test_each_term_is_counted_of_all_terms(tenant) -> None:
    (message,) = told(tenant, "cats and a cat by the sea", embedded=False)
    assert indexed(message) == {"": (1, 3), "cat": (2, 3), "sea": (1, 3)}


def test_a_message_without_words_is_counted_too(tenant) -> None:
    (message,) = told(tenant, "🐈", embedded=False)
    assert indexed(message) == {"": (1, 0)}


def test_the_speaker_is_a_term_but_no_word(tenant) -> None:
    (message,) = told(tenant, "a cat", metadata={"speaker": "Anna Bell"}, embedded=False)
    assert indexed(message) == {"": (1, 1), "cat": (1, 1), "@anna": (1, 1)}


def test_a_label_is_a_term_beside_its_word(tenant) -> None:
    (message,) = told(tenant, "Anna: a cat", embedded=False)
    assert indexed(message).keys() == {"", "anna", "cat", ":anna"}


def test_words_are_read_in_the_language_of_the_tenant() -> None:
    german, guessed = TenantFactory.create(language="german"), TenantFactory.create()
    rows = [indexed(told(tenant, "Wohnungen", embedded=False)[0]) for tenant in (german, guessed)]
    assert [set(row) for row in rows] == [{"", "wohnung"}, {"", "wohnungen"}]


def test_very_long_messages_are_counted_as_far_as_the_columns_go(tenant) -> None:
    (message,) = told(tenant, "cat " * 24_000 + "dog " * 1000, embedded=False)
    assert indexed(message)["cat"] == (24_000, 25_000)
    (longer,) = told(tenant, "x " * 50_000, embedded=False)
    assert indexed(longer)["x"] == (32_767, 32_767)


def test_a_repeat_is_not_indexed_twice(tenant) -> None:
    told(tenant, "a cat", external_id="m1", embedded=False)
    (message,) = told(tenant, "a dog", external_id="m1", embedded=False)
    assert indexed(message).keys() == {"", "cat"}


def test_new_content_has_new_words(tenant) -> None:
    (message,) = told(tenant, "a cat", embedded=False)
    edited(message, content="a dog")
    assert indexed(message).keys() == {"", "dog"}
    assert contents(ask(tenant, "cat", mode="lexical")) == []
    assert contents(ask(tenant, "dog", mode="lexical")) == ["a dog"]


def test_new_metadata_may_name_another_speaker(tenant) -> None:
    (message,) = told(tenant, "a cat", metadata={"speaker": "Anna"}, embedded=False)
    edited(message, metadata={"speaker": "Ben"})
    assert indexed(message).keys() == {"", "cat", "@ben"}


def test_archived_messages_keep_their_words(tenant) -> None:
    (message,) = told(tenant, "a cat", embedded=False)
    edited(message, archived=True)
    assert contents(ask(tenant, "cat", mode="lexical", include_archived=True)) == ["a cat"]


def test_a_rewrite_is_that_of_the_messages_named(tenant) -> None:
    first, second = told(tenant, "Wohnungen", "Häuser", embedded=False)
    tenant.language = "german"
    first.tenant = tenant
    with plain_login(), tenant_scope(tenant):
        postings.rewrite([first])
    assert [set(indexed(one)) for one in (first, second)] == [{"", "wohnung"}, {"", "hauser"}]


def test_words_go_with_their_message(tenant) -> None:
    told(tenant, "a cat", embedded=False)
    (kept,) = told(tenant, "a dog", embedded=False)
    with plain_login(), tenant_scope(tenant):
        editing.delete(Message.objects.for_tenant(tenant).filter(content="a cat"))
    assert set(Posting.objects.values_list("message", flat=True)) == {kept.pk}


def test_words_of_other_tenants_are_not_seen(tenant) -> None:
    (message,) = told(tenant, "a cat", embedded=False)
    scope = partial(tenant_scope, TenantFactory.create())
    with plain_login(), scope():
        assert not Posting.objects.filter(message=message).exists()
