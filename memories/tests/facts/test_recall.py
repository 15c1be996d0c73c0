from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from memories.facts.recall import Question, Recalled, recall, understand
from memories.models import Fact, FactVector
from memories.providers.base import ProviderUnavailable, Vectors, model_key
from memories.providers.mock import MockProvider
from memories.tests.factories import FactFactory
from memories.vocabulary import USUAL_CATEGORY, Slot, Standing
from tenants.isolation import tenant_scope
from tenants.models import EndUser
from tenants.tests.factories import EndUserFactory
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
PROVIDER = MockProvider()


class Silent(MockProvider):
    """Cannot embed a query."""

    def embed_query(self, text: str) -> Vectors:
        raise ProviderUnavailable("It is away.")


@pytest.fixture
def user(tenant) -> EndUser:
    return EndUserFactory.create(tenant=tenant)


def known(user: EndUser, content: str, slot: Slot | None = None, *, days_ago: float = 0, **fields: Any) -> Fact:
    """A fact of the user with its vector."""
    said = NOW - timedelta(days=days_ago)
    defaults = {"category": USUAL_CATEGORY[slot] if slot else "user_preference", "said_at": said} | fields
    fact = FactFactory.create(end_user=user, content=content, slot=slot, **defaults)
    vector = PROVIDER.embed_documents([content])[0]
    FactVector.objects.create(tenant=user.tenant, fact=fact, model=model_key(PROVIDER), vector=vector)
    return fact


def ask(user: EndUser, text: str, *, provider: Any = PROVIDER, **options: Any) -> list[Recalled]:
    """As the service asks: by an ordinary login, in the scope of the end user."""
    with plain_login():
        meant = understand(Question(text, **options), provider=provider)
        with tenant_scope(user.tenant, end_user_id=user.pk):
            return recall(user, meant, now=NOW)


def contents(answers: list[Recalled]) -> list[str]:
    return [answer.fact.content for answer in answers]


def test_the_fact_that_answers_comes_first(user) -> None:
    known(user, "Likes sushi.", Slot.FOOD)
    known(user, "Lives in Austin, Texas.", Slot.LOCATION)
    assert contents(ask(user, "Where do I live?"))[0] == "Lives in Austin, Texas."


def test_nothing_answers_what_nothing_is_known_of(user) -> None:
    known(user, "Lives in Austin, Texas.", Slot.LOCATION)
    known(user, "Has a sister who lives in Boston.", Slot.FAMILY)
    assert ask(user, "What is my blood type?") == []


def test_nothing_is_known_of_a_new_user(user) -> None:
    assert ask(user, "Where do I live?") == []
    assert ask(user, "What do you know about me?") == []


def test_facts_of_others_are_not_recalled(user) -> None:
    known(EndUserFactory.create(tenant=user.tenant), "Lives in Austin, Texas.", Slot.LOCATION)
    known(EndUserFactory.create(), "Lives in Austin, Texas.", Slot.LOCATION)
    assert ask(user, "Where do I live?") == []


def test_a_fact_without_a_vector_is_found_by_its_words(user) -> None:
    FactFactory(end_user=user, content="Lives in Austin, Texas.", slot=Slot.LOCATION, category="biographical")
    assert contents(ask(user, "Where do I live?")) == ["Lives in Austin, Texas."]


def test_vectors_of_another_model_do_not_count(user) -> None:
    known(user, "Is learning of xylophonists.")
    near = "my xylophonist could have been learned of"
    assert ask(user, near)
    FactVector.objects.update(model="other:model:64")
    assert ask(user, near) == []


def test_without_the_provider_words_answer(user) -> None:
    known(user, "Has a sister who lives in Boston.", Slot.FAMILY)
    known(user, "Likes sushi.", Slot.FOOD)
    assert understand(Question("Where does my sister live?"), provider=Silent()).degraded
    assert contents(ask(user, "Where does my sister live?", provider=Silent())) == ["Has a sister who lives in Boston."]


def test_categories_filter_exactly(user) -> None:
    known(user, "Likes sushi.", Slot.FOOD)
    known(user, "Is learning how sushi is made.", Slot.TOPIC)
    found = contents(ask(user, "sushi: what do I like?", categories=["learning"]))
    assert found == ["Is learning how sushi is made."]
    assert ask(user, "sushi: what do I like?", categories=[]) == []


def test_a_hint_of_another_category_filters_nothing(user) -> None:
    known(user, "Where I live matters to me.", category="learning")
    known(user, "Lives in Austin.", Slot.LOCATION)
    assert len(ask(user, "Where do I live?")) == 2


def test_old_facts_are_left_out_when_asked(user) -> None:
    known(user, "Likes sushi.", Slot.FOOD, days_ago=40)
    known(user, "Likes ramen.", Slot.FOOD, days_ago=20)
    assert contents(ask(user, "What food do I like?", max_age_days=30)) == ["Likes ramen."]


@pytest.mark.parametrize("standing", [one for one in Standing if one != Standing.HOLDS])
def test_what_no_longer_holds_is_not_recalled_by_default(user, standing: Standing) -> None:
    known(user, "Lives in Austin.", Slot.LOCATION, standing=standing)
    assert ask(user, "Where do I live?") == []


@pytest.mark.parametrize("standing", [Standing.NOT_ACCEPTED, Standing.REMOVED, Standing.CORRECTED, Standing.MERGED])
def test_what_never_held_is_no_history(user, standing: Standing) -> None:
    known(user, "Lives in Austin.", Slot.LOCATION, standing=standing)
    assert ask(user, "Where did I live before?", include_historical=True) == []


def test_history_comes_after_what_holds(user) -> None:
    known(user, "Lives where I live now, in Austin.", Slot.LOCATION, standing=Standing.SUPERSEDED)
    known(user, "Lives in Dallas.", Slot.LOCATION)
    found = contents(ask(user, "Where do I live now?", include_historical=True))
    assert found == ["Lives in Dallas.", "Lives where I live now, in Austin."]


def test_history_comes_first_when_the_past_is_asked_for(user) -> None:
    known(user, "Lives in Austin.", Slot.LOCATION, standing=Standing.SUPERSEDED)
    known(user, "Lives in Dallas.", Slot.LOCATION)
    assert contents(ask(user, "Where did I live before?", include_historical=True))[0] == "Lives in Austin."


def test_an_expired_fact_is_history(user) -> None:
    known(user, "Lives in Austin.", Slot.LOCATION, days_ago=9, valid_until=NOW - timedelta(days=1))
    assert ask(user, "Where do I live?") == []
    assert contents(ask(user, "Where do I live?", include_historical=True)) == ["Lives in Austin."]


def test_near_equals_are_ordered_by_confidence_now(user) -> None:
    known(user, "Likes sushi.", Slot.FOOD, days_ago=300)
    known(user, "Likes ramen.", Slot.FOOD)
    first, second = ask(user, "What food do I like?", provider=Silent())
    assert (first.fact.content, second.fact.content) == ("Likes ramen.", "Likes sushi.")
    assert first.confidence == pytest.approx(0.9)
    assert second.confidence == pytest.approx(0.9 * 0.9**10)


def test_equals_are_ordered_by_id(user) -> None:
    facts = [known(user, f"Likes dish {letter}.", Slot.FOOD) for letter in "abcd"]
    found = ask(user, "What food do I like?", provider=Silent())
    assert [answer.fact.pk for answer in found] == sorted(fact.pk for fact in facts)


def test_no_more_than_the_limit(user) -> None:
    for n in range(8):
        known(user, f"Likes dish {n}.", Slot.FOOD)
    assert len(ask(user, "What food do I like?", limit=3)) == 3
    assert len(ask(user, "What do you know about me?", limit=3)) == 3


def test_a_general_question_gets_a_balanced_profile(user) -> None:
    for n in range(6):
        known(user, f"Likes dish {n}.", Slot.FOOD, days_ago=n * 31)
    known(user, "Works at Acme.", Slot.EMPLOYER)
    known(user, "Lives in Austin.", Slot.LOCATION, is_essential=True)
    known(user, "Is learning Polish.", Slot.TOPIC, confidence=0.6)
    found = contents(ask(user, "Was weißt du über mich?"))
    assert found[0] == "Lives in Austin."
    assert set(found[1:4]) == {"Works at Acme.", "Likes dish 0.", "Is learning Polish."}
    assert found[4] == "Likes dish 1."


def test_a_profile_is_of_what_holds_and_of_the_categories_asked_for(user) -> None:
    known(user, "Lives in Austin.", Slot.LOCATION, standing=Standing.SUPERSEDED)
    known(user, "Lives in Dallas.", Slot.LOCATION)
    known(user, "Likes sushi.", Slot.FOOD)
    found = ask(user, "Who am I?", include_historical=True, categories=["biographical"])
    assert contents(found) == ["Lives in Dallas."]


def test_a_general_question_needs_no_provider(user) -> None:
    known(user, "Likes sushi.", Slot.FOOD)
    assert not understand(Question("Who am I?"), provider=Silent()).degraded


def test_scores_are_shares_in_order(user) -> None:
    for content in ("Likes sushi.", "Likes sushi a lot, with ginger.", "Likes fish."):
        known(user, content, Slot.FOOD, is_essential=True, confidence=1.0)
    scores = [answer.score for answer in ask(user, "Do I like sushi?")]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= one <= 1 for one in scores)


@pytest.mark.parametrize(
    "text", ["", "?", "\n", "'; DROP TABLE", "%_\\", "🦊", "x" * 8000, "why " * 2000, "你好" * 500]
)
def test_no_text_breaks_recall(user, text: str) -> None:
    known(user, "Likes sushi.", Slot.FOOD)
    ask(user, text)


def test_the_number_of_queries_does_not_grow_with_the_facts(user) -> None:
    known(user, "Likes sushi.", Slot.FOOD)
    counts = []
    for n in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ask(user, "What food do I like?")
        counts.append(len(queries))
        for dish in range(20):
            known(user, f"Likes dish {dish} of {n}.", Slot.FOOD)
    assert counts[0] == counts[1]
