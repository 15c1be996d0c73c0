"""From files to messages or complaints, without a database."""

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories import imports
from memories.imports import Occurrences, Record, UnreadableFile, readable

LINE = {"conversation_id": "c1", "role": "user", "content": "hello"}


def file_of(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def read(data: bytes, form: str = "auto", tenant: str = "acme") -> list[Record]:
    return list(imports.read(file_of(data), form=form, tenant=tenant, size=len(data)).records)


def lines(*rows) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def codes(record: Record) -> list[tuple[str, str | None]]:
    return [(one.code, one.attr) for one in record.complaints]


def locomo(**changes) -> bytes:
    """One sample with one session of three turns, of the shape that LoCoMo has."""
    turns = [
        {"speaker": "Ann", "dia_id": "D1:1", "text": "I keep bees now."},
        {"speaker": "Ben", "dia_id": "D1:2", "text": "How many hives?"},
        {"speaker": "Ann", "dia_id": "D1:3", "text": "Two, look! ", "blip_caption": "a photo of a beehive"},
    ]
    conversation = {
        "speaker_a": "Ann",
        "speaker_b": "Ben",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": turns,
        "session_2_date_time": "9:00 am on 9 May, 2023",
    }
    return json.dumps(
        [{"sample_id": "s-1", "qa": [{"question": "?"}], "conversation": conversation | changes}]
    ).encode()


# --- JSON Lines ---------------------------------------------------------------------------------------------------


def test_a_line_may_hold_every_field_of_the_api():
    row = LINE | {
        "metadata": {"a": [1]},
        "importance_override": 0.5,
        "user_id": "u1",
        "created_at": "2024-01-02T03:04:05+01:00",
        "external_id": "x-1",
    }
    (record,) = read(lines(row))
    message = record.message
    assert message is not None
    assert message.created_at == datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert (message.metadata, message.importance_override) == ({"a": [1]}, 0.5)
    assert (message.user_id, message.external_id) == ("u1", "x-1")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n  \n", b"\xef\xbb\xbf\r\n"])
def test_a_byte_order_mark_and_blank_lines_are_skipped(start):
    (record,) = read(start + lines(LINE) + b"\r\n\n")
    assert record.message is not None
    assert record.message.content == "hello"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"not json", [("parse_error", None)]),
        (b'{"content": "\xff"}', [("parse_error", None)]),
        (b"[" * 100_000, [("parse_error", None)]),
        (b'{"a": ' + b"1" * 5000 + b"}", [("parse_error", None)]),
        (b"null", [("null", None)]),
        (lines({**LINE, "role": "boss", "content": " "}), [("invalid_choice", "role"), ("blank", "content")]),
        (lines({**LINE, "speaker": "Ann"}), [("unknown_field", "speaker")]),
        (lines({**LINE, "created_at": "2999-01-01T00:00:00Z"}), [("in_the_future", "created_at")]),
        (lines({**LINE, "tenant_id": "other"}), [("tenant_mismatch", "tenant_id")]),
    ],
)
def test_a_broken_line_is_reported_and_does_not_stop_the_rest(line, expected):
    before, broken, after = read(lines(LINE) + b"\n" + line + b"\n" + lines(LINE))
    assert before.message is not None
    assert after.message is not None
    assert (broken.position, broken.message, codes(broken)) == (2, None, expected)


def test_lines_are_numbered_as_an_editor_does():
    assert [record.position for record in read(lines(LINE, "", "x", LINE))] == [1, 3, 4]


def test_the_tenant_of_the_import_may_be_named():
    (record,) = read(lines(LINE | {"tenant_id": "acme"}))
    assert record.message is not None


def test_an_endless_line_is_refused_without_being_held(monkeypatch):
    monkeypatch.setattr(imports, "LINE_MAX_BYTES", 100)
    long, after = read(lines(LINE | {"content": "x" * 1000}, LINE))
    assert codes(long) == [("parse_error", None)]
    assert after.message is not None


def test_the_end_of_the_last_record_is_the_size_of_the_file():
    data = lines(LINE, LINE, "broken")
    assert read(data)[-1].end == len(data)


def test_lines_are_read_as_they_are_consumed():
    file = file_of(lines(*[LINE] * 10_000))
    source = imports.read(file, form="jsonl", tenant="acme", size=None)
    next(source.records)
    assert file.tell() < 1000


# --- Ids ----------------------------------------------------------------------------------------------------------


def ids(data: bytes) -> list[str | None]:
    return [record.message.external_id if record.message else None for record in read(data)]


def test_the_same_file_gives_the_same_ids():
    data = lines(LINE, LINE | {"role": "assistant"}, LINE)
    assert ids(data) == ids(data)


def test_a_message_said_twice_is_two_messages():
    assert len(set(ids(lines(LINE, LINE, LINE)))) == 3


@pytest.mark.parametrize("change", [{"conversation_id": "c2"}, {"role": "tool"}, {"content": "x"}, {"user_id": "u"}])
def test_another_message_has_another_id(change):
    first, second = ids(lines(LINE, LINE | change))
    assert first != second


def test_the_id_does_not_hang_on_how_the_time_is_written():
    utc, berlin = LINE | {"created_at": "2024-01-01T12:00:00Z"}, LINE | {"created_at": "2024-01-01T13:00:00+01:00"}
    assert ids(lines(utc)) == ids(lines(berlin))


def test_the_id_does_not_hang_on_the_lines_around():
    assert ids(lines(LINE | {"content": "x"}, "broken", LINE))[2] == ids(lines(LINE))[0]


@given(st.lists(st.sampled_from("abc")))
def test_occurrences_count_up_for_each_key(keys):
    seen = Occurrences(limit=3)
    assert [seen.count(key) for key in keys] == [keys[: n + 1].count(key) for n, key in enumerate(keys)]


@given(st.lists(st.text(max_size=2)), st.integers(1, 5))
def test_occurrences_stay_bounded(keys, limit):
    seen = Occurrences(limit)
    for key in keys:
        seen.count(key)
    assert len(seen._counts) <= limit


# --- LoCoMo -------------------------------------------------------------------------------------------------------


def test_a_turn_becomes_a_message():
    first = read(locomo())[0]
    message = first.message
    assert message is not None
    assert (first.position, message.external_id) == ("s-1 D1:1", "locomo:s-1:D1:1")
    assert (message.conversation_id, message.user_id, message.role) == ("s-1", "s-1-Ann", "user")
    assert (message.content, message.created_at) == ("I keep bees now.", datetime(2023, 5, 8, 13, 56, tzinfo=UTC))
    assert message.metadata == {"speaker": "Ann", "dia_id": "D1:1", "session": 1}


def test_the_second_speaker_is_the_assistant():
    assert [record.message and record.message.role for record in read(locomo())] == ["user", "assistant", "user"]


def test_turns_keep_their_order_in_time():
    times = [record.message.created_at for record in read(locomo()) if record.message and record.message.created_at]
    assert len(times) == 3
    assert times == sorted(set(times))


def test_a_picture_is_told_by_its_caption():
    last = read(locomo())[-1].message
    assert last is not None
    assert last.content == "Two, look! [shares a photo: a photo of a beehive]"


def test_sessions_come_in_the_order_of_their_numbers():
    def session(number):
        return [{"speaker": "Ann", "dia_id": f"D{number}:1", "text": "hi"}]

    time = "1:00 am on 1 June, 2023"
    records = read(locomo(session_10=session(10), session_10_date_time=time, session_2=session(2)))
    assert [record.position for record in records][3:] == ["s-1 D2:1", "s-1 D10:1"]


def test_a_sample_without_an_id_is_known_by_its_position():
    (sample,) = json.loads(locomo())
    del sample["sample_id"]
    assert read(json.dumps([sample]).encode())[0].position == "sample-1 D1:1"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"session_1_date_time": "some day"}, [("invalid", "created_at")]),
        ({"session_1": [{"speaker": "Eve", "dia_id": "D1:1", "text": "hi"}]}, [("invalid_choice", "role")]),
        ({"session_1": [{"speaker": "Ann", "dia_id": "D1:1", "text": ""}]}, [("blank", "content")]),
        ({"session_1": ["hi"]}, [("invalid", "non_field_errors")]),
    ],
)
def test_a_turn_of_another_shape_is_refused(changes, expected):
    assert codes(read(locomo(**changes))[0]) == expected


def test_a_turn_without_an_id_still_gets_one():
    (record,) = read(locomo(session_1=[{"speaker": "Ann", "text": "hi"}]))
    assert record.position == "s-1 session_1[0]"
    assert record.message is not None
    assert str(record.message.external_id).startswith("import:")


# --- Files that are none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08\x00compressed", "binary"),
        ('{"content": "hi"}'.encode("utf-16"), "UTF-16"),
        (b"a,b,c\n1,2,3\n", "no known format"),
        (b'[{"role": "user", "content": "hi"}]', "not LoCoMo's"),
        (b'[\n{"conversation"', "not JSON: Expecting ':' delimiter in line 2"),
        (b'["\xff"]', "Byte 3 is not UTF-8"),
        (b"[" * 100_000, "too deeply"),
    ],
)
def test_a_file_of_something_else_is_refused_with_the_reason(data, sentence):
    with pytest.raises(UnreadableFile, match=sentence):
        read(data)


def test_a_named_format_is_not_questioned():
    assert [record.message is None for record in read(lines("garbage", LINE), form="jsonl")] == [True, False]


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_what_is_shown_is_short_and_printable(text):
    shown = readable(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert len(shown) <= len("\\U00000000") * imports.DETAIL_MAX + 1


@given(st.binary())
def test_whatever_a_file_holds_is_a_record_or_a_reason(data):
    try:
        records = read(data, form="jsonl")
    except UnreadableFile:
        return
    assert all((record.message is None) == bool(record.complaints) for record in records)
