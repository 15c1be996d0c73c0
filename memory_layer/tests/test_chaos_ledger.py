"""What `chaos` concludes from what clients were told, and that its verdict sees what it is to see."""

from pathlib import Path

import pytest

from chaos import verdict
from chaos.ledger import NO_ANSWER, NOT_CONNECTED, Answer, Expected, Item, Ledger, Presence, Request, Told, became
from chaos.verdict import Row

ITEM, NEWER = Item("m1", "I live in Austin, m1."), Item("m2", "I live in Dallas, m2.")
STORED = Request("r1", "store", "ash", (ITEM,))


def answers(request: Request, *outcomes: str) -> list[Answer]:
    ids = {item.mark: "id" for item in request.items}
    return [Answer(request.name, request.operation, one, at, 0.1, ids) for at, one in enumerate(outcomes)]


def expected(*told: tuple[Request, tuple[str, ...]]) -> Expected:
    requests = {request.name: request for request, _ in told}
    return Told(requests, [one for request, given in told for one in answers(request, *given)]).expected()["m1"]


@pytest.mark.parametrize(
    ("outcomes", "presence"),
    [
        (["202"], Presence.THERE),
        ([NO_ANSWER, "503", "202"], Presence.THERE),
        (["400"], Presence.GONE),
        ([NOT_CONNECTED], Presence.GONE),
        ([NO_ANSWER, "409"], Presence.OPEN),
        (["503"], Presence.OPEN),
        ([], Presence.OPEN),
    ],
)
def test_what_became_of_a_request(outcomes, presence):
    assert became(answers(STORED, *outcomes)) is presence


@pytest.mark.parametrize(
    ("operation", "outcomes", "presence"),
    [
        ("delete", ["204"], Presence.GONE),
        ("delete", [NO_ANSWER, "404"], Presence.GONE),
        ("delete", [NO_ANSWER], Presence.OPEN),
        ("delete", ["404"], Presence.THERE),
        ("update", ["404"], Presence.THERE),
    ],
)
def test_a_message_that_was_accepted_is_missed_until_its_deletion_is(operation, outcomes, presence):
    change = Request("r2", operation, "ash", (NEWER,) if operation == "update" else (), "m1")
    assert expected((STORED, ("202",)), (change, tuple(outcomes))).presence is presence


@pytest.mark.parametrize(
    ("outcomes", "contents"), [(["200"], [NEWER]), ([NO_ANSWER], [ITEM, NEWER]), (["400"], [ITEM])]
)
def test_a_change_that_was_not_confirmed_may_have_been_made(outcomes, contents):
    change = Request("r2", "update", "ash", (NEWER,), "m1")
    assert expected((STORED, ("202",)), (change, tuple(outcomes))).contents == contents


def test_a_ledger_tells_what_was_written_but_for_a_line_that_was_cut(tmp_path: Path):
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.sent(STORED)
        ledger.answered(answers(STORED, "202")[0])
    with (tmp_path / "ledger").open("a") as file:
        file.write('["sent", {"na')
    told = Told.by(tmp_path / "ledger")
    assert (told.requests, told.answers, told.accepted()) == ({"r1": STORED}, answers(STORED, "202"), 1)


# --- The verdict ------------------------------------------------------------------------------------------------------

ROW = Row("id", "ash", ITEM.content)


def told(presence: Presence, *contents: Item) -> list[Expected]:
    return [Expected("ash", presence, list(contents or (ITEM,)), "id")]


def found(*rows: Row) -> dict[tuple[str, str], Row]:
    return {(row.tenant, row.content): row for row in rows}


def test_what_was_accepted_must_be_there_under_its_id():
    accepted = told(Presence.THERE)
    assert [*verdict._missing(accepted, found(ROW))] == []
    assert [*verdict._missing(accepted, found())] == ["m1 is not there"]
    other = Row("other", "ash", ITEM.content)
    assert [*verdict._missing(accepted, found(other))] == ["m1 has another id than its client was told"]


def test_what_was_accepted_for_one_tenant_is_not_there_in_another():
    assert [*verdict._missing(told(Presence.THERE), found(Row("id", "elm", ITEM.content)))] == ["m1 is not there"]


def test_a_change_that_was_confirmed_must_be_the_content():
    assert [*verdict._missing(told(Presence.THERE, NEWER), found(ROW))] == ["m2 is not there"]


@pytest.mark.parametrize("presence", Presence)
def test_whatever_was_told_nothing_may_be_there_twice(presence):
    assert [*verdict._doubled(told(presence), [ROW, ROW])] == ["m1 is there 2 times"]


def test_what_was_refused_or_deleted_may_not_be_there():
    assert [*verdict._still_there(told(Presence.GONE), found(ROW))] == ["m1 is there"]
    assert [*verdict._still_there(told(Presence.OPEN), found(ROW))] == []


def test_what_nobody_sent_may_not_be_there():
    assert [*verdict._unknown(told(Presence.THERE), [Row("x", "ash", "who said that?")])] == ["x was sent by nobody"]
