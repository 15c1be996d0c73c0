from memories.vocabulary import USUAL_CATEGORY, Category, Slot, TemporalState


def test_the_contract_names_the_single_valued_slots() -> None:
    single = {slot.value for slot in Slot if slot.is_single_valued}
    assert single == {"location", "birthplace", "age", "employer", "role", "partner", "manager"}


def test_the_contract_names_the_multi_valued_slots() -> None:
    several = {slot.value for slot in Slot if not slot.is_single_valued}
    listed = "education skill project team friend family colleague topic course goal food tech hobby lifestyle"
    assert several == set(listed.split())


def test_every_slot_has_a_usual_category() -> None:
    assert set(USUAL_CATEGORY) == set(Slot)
    assert set(USUAL_CATEGORY.values()) == set(Category)


def test_the_contract_names_the_temporal_states() -> None:
    assert [state.value for state in TemporalState] == ["current", "past", "future", "recurring"]
