"""What holds after any sequence of extractions, deletions, repeats and reorderings."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from memories.facts.decisions import Insert, Reject
from memories.facts.statements import Candidate, normalised
from memories.facts.supersession import timeline
from memories.tests.facts.statements import NOW, Store, said
from memories.vocabulary import Slot, Standing, TemporalState

SLOTS = [Slot.LOCATION, Slot.EMPLOYER, Slot.FOOD, None]
VALUES = ["Acme", "Berlin", "Cork", "the Acme", "ACME, Ltd"]
confidences = st.sampled_from([0.4, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0])
days = st.integers(0, 40)
messages = st.integers(0, 12)


@st.composite
def statements(draw) -> Candidate:
    value = draw(st.sampled_from(VALUES))
    state = draw(st.sampled_from([TemporalState.CURRENT] * 3 + list(TemporalState)))
    negates = draw(st.sampled_from([None, None, None, "", f"Says {value}."]))
    verb = "No longer says" if negates is not None and state == TemporalState.PAST else "Says"
    source = draw(messages)
    return said(
        f"{verb} {value}.",
        draw(st.sampled_from(SLOTS)),
        on=draw(days),
        source=source,
        confidence=draw(confidences),
        temporal_state=state,
        negates=negates,
    )


batches = st.lists(statements(), min_size=1, max_size=4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("hear"), batches),
        st.tuples(st.just("again"), st.integers(0, 20)),
        st.tuples(st.just("shuffled"), st.randoms(use_true_random=False)),
        st.tuples(st.just("remove"), st.integers(0, 20)),
    ),
    min_size=1,
    max_size=12,
)


class Life:
    """A store, and what was heard and removed on the way."""

    def __init__(self) -> None:
        self.store = Store()
        self.heard: list[list[Candidate]] = []
        self.rows: Counter[str] = Counter()

    def live(self, drawn) -> "Life":
        for kind, given_ in drawn:
            getattr(self, kind)(given_)
        return self

    def hear(self, batch: list[Candidate]) -> None:
        self.heard.append(batch)
        for decision in self.store.hear(*batch):
            if isinstance(decision, Insert) or (isinstance(decision, Reject) and decision.id):
                self.rows[decision.candidate.content] += 1

    def again(self, index: int) -> None:
        if self.heard:
            self.hear(self.heard[index % len(self.heard)])

    def shuffled(self, random) -> None:
        everything = [candidate for batch in self.heard for candidate in batch]
        random.shuffle(everything)
        if everything:
            self.hear(everything)

    def remove(self, index: int) -> None:
        standing = [ref for ref, fact in self.store.facts.items() if fact.standing != Standing.REMOVED]
        if standing:
            self.store.remove(standing[index % len(standing)])

    def removed(self) -> set[tuple[Slot | None, str]]:
        gone = (fact for fact in self.store.facts.values() if fact.standing == Standing.REMOVED)
        return {(fact.slot, normalised(fact.content)) for fact in gone}


lives = steps.map(lambda drawn: Life().live(drawn))
many = settings(max_examples=100, deadline=None)


@many
@given(lives)
def test_a_single_valued_slot_has_at_most_one_current_fact(life: Life) -> None:
    current = Counter(fact.slot for fact in life.store.facts.values() if fact.is_current)
    assert all(current[slot] <= 1 for slot in (Slot.LOCATION, Slot.EMPLOYER))


@many
@given(lives)
def test_no_fact_is_lost_from_the_timeline(life: Life) -> None:
    kept = {fact.id for fact in timeline(life.store.facts.values()).history}
    removed = {fact.id for fact in life.store.facts.values() if fact.standing == Standing.REMOVED}
    assert kept | removed == set(life.store.facts)
    assert Counter(fact.content for fact in life.store.facts.values()) == life.rows


@many
@given(lives)
def test_every_acceptable_statement_is_cited(life: Life) -> None:
    removed = life.removed()
    for candidate in (candidate for batch in life.heard for candidate in batch if candidate.confidence >= 0.5):
        if (candidate.slot, normalised(candidate.content)) not in removed:
            cites = (fact for fact in life.store.facts.values() if fact.slot == candidate.slot)
            assert any(candidate.sources <= fact.sources for fact in cites)


@many
@given(lives, st.integers(0, 20))
def test_hearing_a_batch_again_changes_nothing(life: Life, index: int) -> None:
    before = dict(life.store.facts)
    life.again(index)
    assert life.store.facts == before


@many
@given(lives, st.randoms(use_true_random=False))
def test_hearing_everything_again_in_any_order_changes_nothing(life: Life, random) -> None:
    before = dict(life.store.facts)
    life.shuffled(random)
    assert life.store.facts == before


@many
@given(lives)
def test_what_was_removed_stays_removed(life: Life) -> None:
    removed = life.removed()
    rows = len(life.store.facts)
    life.store.hear(*(said(content, slot, on=50, source=99) for slot, content in sorted(removed, key=str)))
    assert len(life.store.facts) == rows


@many
@given(lives)
def test_validity_never_runs_backwards(life: Life) -> None:
    for fact in life.store.facts.values():
        assert fact.valid_until is None or fact.valid_from <= fact.valid_until <= NOW


@many
@given(lives)
def test_what_was_superseded_names_an_accepted_successor_of_its_slot(life: Life) -> None:
    facts = {fact.id: fact for fact in life.store.facts.values()}
    for fact in [fact for fact in facts.values() if fact.replaced_by]:
        assert fact.replaced_by
        successor = facts[fact.replaced_by]
        assert successor.slot == fact.slot
        assert successor.standing != Standing.NOT_ACCEPTED
