import pytest

from memories.facts.decisions import Close, Insert, Reason, Refresh, Reject, Supersede, outcome
from memories.facts.statements import New
from memories.facts.supersession import Ledger, decide, timeline
from memories.tests.facts.statements import NOW, Store, day, message, said
from memories.vocabulary import Slot, Standing, TemporalState

PAST, FUTURE, RECURRING = TemporalState.PAST, TemporalState.FUTURE, TemporalState.RECURRING
AUSTIN, DALLAS = "Lives in Austin, Texas.", "Lives in Dallas."


@pytest.fixture
def store() -> Store:
    return Store()


def only(decisions):
    [decision] = decisions
    return decision


def contents(facts):
    return [fact.content for fact in facts]


def test_something_new_is_inserted_from_when_it_was_said(store: Store) -> None:
    decision = only(store.hear(said(AUSTIN, Slot.LOCATION, on=3)))
    assert type(decision) is Insert
    assert (decision.id, decision.valid_from, decision.valid_until) == (New(0), day(3), None)


def test_a_time_that_was_said_goes_before_the_time_of_saying(store: Store) -> None:
    then = said("Worked at Acme.", Slot.EMPLOYER, temporal_state=PAST, valid_from=day(-900), valid_until=day(-9))
    decision = only(store.hear(then))
    assert (decision.valid_from, decision.valid_until) == (day(-900), day(-9))


def test_the_same_again_refreshes(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION, confidence=0.7))
    decision = only(store.hear(said("lives in austin, texas", Slot.LOCATION, on=9, confidence=0.6)))
    assert isinstance(decision, Refresh)
    [fact] = store.facts.values()
    assert (fact.confidence, fact.last_refreshed_at) == (0.7, day(9))
    assert fact.sources == {message(0), message(9)}


def test_the_same_said_earlier_is_a_source_but_makes_nothing_older(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION, on=9))
    store.hear(said(AUSTIN, Slot.LOCATION, on=2))
    [fact] = store.facts.values()
    assert (fact.last_refreshed_at, fact.sources) == (day(9), frozenset({message(2), message(9)}))


def test_the_same_in_other_words_refreshes() -> None:
    store = Store(similarity=lambda *_: 0.93)
    store.hear(said("Likes green tea.", Slot.FOOD))
    assert isinstance(only(store.hear(said("Enjoys green tea.", Slot.FOOD, on=1))), Refresh)


def test_another_state_is_another_statement() -> None:
    store = Store(similarity=lambda *_: 1.0)
    store.hear(said("Lives in Rome.", Slot.LOCATION))
    store.hear(said("Will live in Rome.", Slot.LOCATION, on=1, temporal_state=FUTURE))
    assert len(store.facts) == 2


def test_a_new_current_fact_supersedes(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    decision = only(store.hear(said(DALLAS, Slot.LOCATION, on=5)))
    assert isinstance(decision, Supersede)
    old, new = store.facts.values()
    assert (old.standing, old.valid_until, old.replaced_by) == (Standing.SUPERSEDED, day(5), new.id)
    assert store.current(Slot.LOCATION) == [DALLAS]


@pytest.mark.parametrize(("confidence", "accepted"), [(0.75, True), (0.74, False), (0.95, True)])
def test_it_must_be_nearly_as_sure_as_the_old_one(store: Store, confidence: float, accepted: bool) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION, confidence=0.9))
    store.hear(said(DALLAS, Slot.LOCATION, on=5, confidence=confidence))
    assert store.current(Slot.LOCATION) == [DALLAS if accepted else AUSTIN]


def test_what_is_less_certain_is_recorded_as_not_accepted(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    decision = only(store.hear(said(DALLAS, Slot.LOCATION, on=5, confidence=0.6)))
    assert isinstance(decision, Reject)
    assert decision.reason == Reason.LESS_CERTAIN
    assert store.standings() == [[AUSTIN, "holds"], [DALLAS, "not_accepted"]]


def test_a_doubt_repeated_gets_no_second_row(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    for on in (5, 6):
        store.hear(said(DALLAS, Slot.LOCATION, on=on, confidence=0.6))
    assert [fact.sources for fact in store.facts.values()] == [{message(0)}, {message(5), message(6)}]


def test_a_doubt_that_becomes_sure_supersedes(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION), said(DALLAS, Slot.LOCATION, on=5, confidence=0.6))
    store.hear(said(DALLAS, Slot.LOCATION, on=6))
    assert store.current(Slot.LOCATION) == [DALLAS]


def test_an_old_fact_that_faded_gives_way(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION, confidence=0.9))
    store.hear(said(DALLAS, Slot.LOCATION, on=200, confidence=0.6))
    assert store.current(Slot.LOCATION) == [DALLAS]


@pytest.mark.parametrize("state", [PAST, FUTURE, RECURRING], ids=str)
def test_only_the_present_supersedes(store: Store, state: TemporalState) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    store.hear(said("Rome it was or will be.", Slot.LOCATION, on=5, temporal_state=state))
    assert store.current(Slot.LOCATION) == [AUSTIN]
    assert all(fact.standing == Standing.HOLDS for fact in store.facts.values())


@pytest.mark.parametrize("slot", [Slot.FOOD, Slot.FAMILY, None], ids=str)
def test_nothing_supersedes_where_there_may_be_several(store: Store, slot: Slot | None) -> None:
    store.hear(said("Likes sushi.", slot))
    store.hear(said("Likes tacos.", slot, on=1))
    assert store.current(slot) == ["Likes sushi.", "Likes tacos."]


def test_moving_back_is_a_row_of_its_own(store: Store) -> None:
    for on, content in enumerate([AUSTIN, DALLAS, AUSTIN]):
        store.hear(said(content, Slot.LOCATION, on=on))
    assert store.standings() == [[AUSTIN, "superseded"], [DALLAS, "superseded"], [AUSTIN, "holds"]]


def test_one_batch_is_taken_in_the_order_of_saying(store: Store) -> None:
    decisions = store.hear(said(DALLAS, Slot.LOCATION, on=2), said(AUSTIN, Slot.LOCATION, on=1))
    assert [type(decision) for decision in decisions] == [Insert, Supersede]
    assert store.current(Slot.LOCATION) == [DALLAS]


def test_in_one_message_the_last_word_counts(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION, on=1), said(DALLAS, Slot.LOCATION, on=1))
    assert store.current(Slot.LOCATION) == [DALLAS]


def test_what_was_said_earlier_and_read_later_is_history(store: Store) -> None:
    store.hear(said(DALLAS, Slot.LOCATION, on=5))
    decision = only(store.hear(said(AUSTIN, Slot.LOCATION, on=1)))
    assert type(decision) is Insert
    assert store.current(Slot.LOCATION) == [DALLAS]
    late = list(store.facts.values())[1]
    assert (late.standing, late.valid_from, late.valid_until) == (Standing.SUPERSEDED, day(1), day(5))


def test_what_is_read_later_takes_its_place_in_between(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION, on=1), said(DALLAS, Slot.LOCATION, on=5))
    store.hear(said("Lives in Rome.", Slot.LOCATION, on=3))
    facts = sorted(store.facts.values(), key=lambda fact: fact.said_at)
    assert [fact.valid_from for fact in facts] == [day(1), day(3), day(5)]
    assert [fact.valid_until for fact in facts] == [day(3), day(5), None]
    assert [fact.replaced_by for fact in facts] == [facts[1].id, facts[2].id, None]


def test_what_was_said_again_since_is_not_replaced_by_something_older(store: Store) -> None:
    for on in (1, 5):
        store.hear(said(AUSTIN, Slot.LOCATION, on=on))
    for on in (3, 2):
        store.hear(said(f"Lives in Town {on}.", Slot.LOCATION, on=on))
    assert store.current(Slot.LOCATION) == [AUSTIN]


def test_a_clock_that_runs_ahead_claims_no_future(store: Store) -> None:
    decision = only(decide([said(AUSTIN, Slot.LOCATION, on=900)], [], now=day(1)))
    assert decision.valid_from == day(1)


def test_a_negation_closes_without_a_successor(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    gone = said("No longer lives in Austin.", Slot.LOCATION, on=4, temporal_state=PAST, negates="Lives in Austin.")
    assert isinstance(only(store.hear(gone)), Close)
    [fact] = store.facts.values()
    assert (fact.standing, fact.valid_until, fact.replaced_by) == (Standing.ENDED, day(4), None)
    assert fact.sources == {message(0), message(4)}


def test_a_negation_of_nothing_known_is_a_fact_about_the_past(store: Store) -> None:
    gone = said("No longer lives in Austin.", Slot.LOCATION, temporal_state=PAST, negates="Lives in Austin.")
    assert type(only(store.hear(gone))) is Insert


def test_a_negation_of_something_else_closes_nothing(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    store.hear(said("No longer lives in Rome.", Slot.LOCATION, on=1, temporal_state=PAST, negates="Lives in Rome."))
    assert store.current(Slot.LOCATION) == [AUSTIN]


def test_a_negation_from_before_it_was_said_again_closes_nothing(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION, on=5))
    store.hear(said("Left Austin then.", Slot.LOCATION, on=4, temporal_state=PAST, negates="Lives in Austin."))
    assert store.current(Slot.LOCATION) == [AUSTIN]


def test_a_changed_taste_closes_the_old_and_stays(store: Store) -> None:
    store.hear(said("Likes sushi.", Slot.FOOD))
    decisions = store.hear(said("Dislikes sushi.", Slot.FOOD, on=2, negates="Likes sushi."))
    assert [type(decision) for decision in decisions] == [Close, Insert]
    assert store.current(Slot.FOOD) == ["Dislikes sushi."]


def test_a_cancelled_plan_is_closed(store: Store) -> None:
    store.hear(said("Will move to Rome.", Slot.LOCATION, temporal_state=FUTURE))
    store.hear(said("No longer moves to Rome.", Slot.LOCATION, on=1, temporal_state=PAST, negates="Will move to Rome."))
    assert [standing for _, standing in store.standings()] == ["ended"]


def test_what_a_person_removed_is_not_extracted_again(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    store.remove(next(iter(store.facts)))
    decision = only(store.hear(said("lives in Austin Texas", Slot.LOCATION, on=7)))
    assert decision == Reject(candidate=decision.candidate, reason=Reason.REMOVED_BEFORE)
    assert store.current(Slot.LOCATION) == []


def test_removing_one_keeps_no_other_out(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    store.remove(next(iter(store.facts)))
    store.hear(said(DALLAS, Slot.LOCATION, on=7))
    assert store.current(Slot.LOCATION) == [DALLAS]


def test_what_is_not_acceptable_leaves_nothing(store: Store) -> None:
    decision = only(store.hear(said("Lives where?", Slot.LOCATION)))
    assert (decision.reason, decision.id, store.facts) == (Reason.UNACCEPTABLE, None, {})


def test_a_repeat_of_what_was_superseded_does_not_bring_it_back(store: Store) -> None:
    first = said(AUSTIN, Slot.LOCATION)
    store.hear(first, said(DALLAS, Slot.LOCATION, on=3))
    assert only(store.hear(first)).reason == Reason.KNOWN_ALREADY
    assert store.current(Slot.LOCATION) == [DALLAS]


def test_the_ledger_and_the_store_agree(store: Store) -> None:
    batch = [
        said(AUSTIN, Slot.LOCATION, on=1),
        said(DALLAS, Slot.LOCATION, on=2),
        said("Lives in Rome.", Slot.LOCATION, on=3, confidence=0.5),
        said("Gone from Dallas.", Slot.LOCATION, on=4, temporal_state=PAST, negates="Lives in Dallas."),
    ]
    store.hear(*batch)
    ledger = Ledger([], similarity=lambda *_: 0.0)
    for candidate in batch:
        ledger.take(candidate)
    there = [[fact.content, str(fact.standing)] for fact in ledger.facts.values()]
    assert there == store.standings() == [[AUSTIN, "superseded"], [DALLAS, "ended"], ["Lives in Rome.", "not_accepted"]]


def test_a_decision_that_records_nothing_changes_no_fact() -> None:
    rejected = Reject(candidate=said(AUSTIN), reason=Reason.KNOWN_ALREADY)
    assert outcome(rejected, {}) == []


def test_the_timeline_is_in_order_and_says_what_is_current(store: Store) -> None:
    store.hear(said(DALLAS, Slot.LOCATION, on=5), said("Lives in Rome.", Slot.LOCATION, on=6, confidence=0.5))
    store.hear(said(AUSTIN, Slot.LOCATION, on=1), now=NOW)
    seen = timeline(store.facts.values())
    assert contents(seen.history) == [AUSTIN, DALLAS, "Lives in Rome."]
    assert contents(seen.current) == [DALLAS]


def test_the_timeline_is_silent_about_what_a_person_removed(store: Store) -> None:
    store.hear(said(AUSTIN, Slot.LOCATION))
    store.remove(next(iter(store.facts)))
    assert timeline(store.facts.values()).history == []
