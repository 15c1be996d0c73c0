"""Receipts: what was signed here, and nothing else, is genuine."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.erasure import receipts
from retention.models import Receipt

PROOF = {"searched": {"tables": 3}, "found": [{"place": "a.b", "what": "id"}]}


def signed(**fields: Any) -> Receipt:
    receipt = Receipt(
        **{"subject_kind": "user", "subject_digest": "d" * 64, "counts": {"messages": 2}, "proof": PROOF, **fields}
    )
    receipts.sign(receipt)
    return receipt


def test_what_was_signed_is_genuine() -> None:
    assert receipts.verify(receipts.as_json(signed()))


def test_it_is_genuine_after_it_was_handed_out_as_text() -> None:
    assert receipts.verify(json.loads(json.dumps(receipts.as_json(signed()), indent=4)))


def test_it_is_genuine_after_it_was_stored(tenant) -> None:
    receipt = signed(tenant=tenant)
    receipt.save()
    assert receipts.verify(receipts.as_json(Receipt.objects.get()))


@pytest.mark.parametrize("field", [*receipts.FIELDS, "signature"])
def test_a_changed_field_is_found_out(field) -> None:
    assert not receipts.verify(receipts.as_json(signed()) | {field: "changed"})


@pytest.mark.parametrize("field", [*receipts.FIELDS, "signature"])
def test_a_missing_field_is_found_out(field) -> None:
    given = receipts.as_json(signed())
    del given[field]
    assert not receipts.verify(given)


def test_an_added_field_is_found_out() -> None:
    assert not receipts.verify(receipts.as_json(signed()) | {"note": "all is well"})


@given(st.integers(min_value=-5, max_value=5).filter(bool))
def test_another_count_is_found_out(difference: int) -> None:
    shown = receipts.as_json(signed())
    assert not receipts.verify(shown | {"counts": {"messages": 2 + difference}})


@pytest.mark.parametrize(("found", "complete", "genuine"), [([], True, True), ([], False, False), (["a"], True, False)])
def test_as_the_api_shows_it_it_is_genuine_and_says_no_more_than_was_proven(found, complete, genuine) -> None:
    shown = receipts.as_json(signed(proof={"found": found}))
    assert receipts.verify(shown | {"complete": complete}) is genuine


def test_another_secret_signs_otherwise(settings) -> None:
    shown = receipts.as_json(signed())
    settings.SECRET_KEY = "another one"
    assert not receipts.verify(shown)


def test_a_secret_of_before_is_still_believed(settings) -> None:
    shown = receipts.as_json(signed())
    settings.SECRET_KEY_FALLBACKS = ["one in between", settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"
    assert receipts.verify(shown)
    assert not receipts.verify(shown | {"counts": {"messages": 3}})


def test_a_secret_of_before_signs_no_more(settings) -> None:
    settings.SECRET_KEY_FALLBACKS = ["one of before"]
    shown = receipts.as_json(signed())
    settings.SECRET_KEY_FALLBACKS = []
    assert receipts.verify(shown)


@pytest.mark.parametrize("signature", [None, 5, "", "é", []])
def test_no_signature_at_all_is_found_out(signature) -> None:
    assert not receipts.verify({"signature": signature})
