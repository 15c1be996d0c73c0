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


def test_another_secret_signs_otherwise(settings) -> None:
    shown = receipts.as_json(signed())
    settings.SECRET_KEY = "another one"
    assert not receipts.verify(shown)


@pytest.mark.parametrize("signature", [None, 5, "", "é", []])
def test_no_signature_at_all_is_found_out(signature) -> None:
    assert not receipts.verify({"signature": signature})
