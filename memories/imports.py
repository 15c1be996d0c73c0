"""Read messages from files: JSON Lines, or the JSON of LoCoMo. Nothing here touches the database.

A file becomes a stream of records, each a message or the complaints about it. The serializer of `POST /v1/messages`
decides which, so that a line may hold what a request may hold (docs/import.md).
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BufferedReader
from typing import Any

from drf_standardized_errors.formatter import flatten_errors
from rest_framework import exceptions

from memories.api.serializers import NewMessageSerializer
from memories.ingest import NewMessage

FORMATS = ("auto", "jsonl", "locomo")
BOM = b"\xef\xbb\xbf"
LINE_MAX_BYTES = 1 << 22
DETAIL_MAX = 300
REMEMBERED = 100_000

LOCOMO_TIME = "%I:%M %p on %d %B, %Y"
LOCOMO_TURN = timedelta(seconds=5)


class UnreadableFile(Exception):
    """Not a file of messages at all; says why and what to do."""


@dataclass(frozen=True)
class Complaint:
    """`code` is for machines, `detail` a sentence, `attr` the field (a path inside metadata), if it is about one."""

    code: str
    detail: str
    attr: str | None


@dataclass(frozen=True)
class Record:
    """One message of a file, or, where `message` is None, what is wrong with it.

    `position` is where people find it: the line number from 1, or LoCoMo's "SAMPLE DIA_ID"; `end` is how much of the
    source has been read with it, in the unit of `Source.total`.
    """

    position: int | str
    end: int
    message: NewMessage | None = None
    complaints: tuple[Complaint, ...] = ()


@dataclass(frozen=True)
class Source:
    """`total` is in bytes for JSON Lines, in turns for LoCoMo, and None where it is not known (a pipe)."""

    records: Iterator[Record]
    total: int | None


def read(file: BufferedReader, *, form: str, tenant: str, size: int | None) -> Source:
    """The messages of `file`, of `size` bytes, for the tenant with the slug `tenant`; `form` is one of FORMATS.

    JSON Lines are read as they are consumed, LoCoMo's JSON at once. Raises UnreadableFile.
    """
    head = file.peek()
    if not head:
        raise UnreadableFile("It is empty.")
    if b"\0" in head:
        raise UnreadableFile("It is not text but binary, compressed or UTF-16; expected is UTF-8, uncompressed.")
    checker = Checker(tenant)
    if (format_of(head) if form == "auto" else form) == "jsonl":
        return Source(_json_lines(file, checker), size)
    turns = _locomo_turns(whole_json(file))
    return Source(_locomo(turns, checker), len(turns))


def format_of(head: bytes) -> str:
    """The format of a file that begins with `head`. Raises UnreadableFile where it is none of FORMATS."""
    match head.removeprefix(BOM).lstrip()[:1]:
        case b"{" | b"":
            return "jsonl"
        case b"[":
            return "locomo"
    raise UnreadableFile("It looks like no known format; if it is JSON Lines all the same, add --format jsonl.")


# --- Rules --------------------------------------------------------------------------------------------------------


class Checker:
    """Makes messages of what a file gives for them, by the rules of the API, and sees that each has an external_id."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self._serializer = NewMessageSerializer()
        self._seen = Occurrences(REMEMBERED)

    def record(self, position: int | str, end: int, given: Callable[[], Any]) -> Record:
        try:
            return Record(position, end, message=self.message(given()))
        except (exceptions.ValidationError, exceptions.ParseError) as error:
            complaints = (Complaint(one.code, readable(one.detail), one.attr) for one in flatten_errors(error.detail))
            return Record(position, end, complaints=tuple(complaints))

    def message(self, given: Any) -> NewMessage:
        """Raises ValidationError."""
        fields = self._serializer.run_validation(given)
        if fields.pop("tenant_id", self.tenant) != self.tenant:
            raise exceptions.ValidationError(
                {"tenant_id": f'This import is for "{self.tenant}"; --tenant chooses another.'}, code="tenant_mismatch"
            )
        message = NewMessage(**fields)
        return message if message.external_id else replace(message, external_id=self._derived_id(message))

    def _derived_id(self, message: NewMessage) -> str:
        """An id by which a repeated import knows the message again: a digest and, from its second use on, a number.

        The number keeps a "yes" said twice, without a time or at the same one, from counting as one message.
        """
        time = message.created_at and message.created_at.astimezone(UTC).isoformat()
        who = (self.tenant, message.conversation_id, message.user_id, message.role)
        digest = hashlib.sha256(json.dumps([*who, time, message.content]).encode()).hexdigest()
        count = self._seen.count(digest)
        return f"import:{digest}" if count == 1 else f"import:{digest}:{count}"


class Occurrences:
    """Counts how often a key came; of more than `limit` keys it forgets the one not seen for longest."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._counts: OrderedDict[str, int] = OrderedDict()

    def count(self, key: str) -> int:
        count = self._counts.pop(key, 0) + 1
        self._counts[key] = count
        if len(self._counts) > self.limit:
            self._counts.popitem(last=False)
        return count


def readable(text: str) -> str:
    """`text`, which may quote the file, fit for a terminal: short, no control characters, no half surrogates."""
    short = text if len(text) <= DETAIL_MAX else f"{text[:DETAIL_MAX]}…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in short)


# --- JSON Lines ---------------------------------------------------------------------------------------------------


def _json_lines(file: BufferedReader, checker: Checker) -> Iterator[Record]:
    for number, (line, end) in enumerate(lines(file), start=1):
        text = line.removeprefix(BOM).strip() if number == 1 else line.strip()
        if text:
            yield checker.record(number, end, partial(line_as_json, text))


def lines(file: BufferedReader) -> Iterator[tuple[bytes, int]]:
    """Lines and where they end, in bytes; of a line over LINE_MAX_BYTES only the beginning, one byte too long."""
    end = 0
    while line := file.readline(LINE_MAX_BYTES + 1):
        end += len(line)
        rest = line
        while len(rest) > LINE_MAX_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(LINE_MAX_BYTES + 1)
            end += len(rest)
        yield line, end


def line_as_json(text: bytes) -> Any:
    """Raises ParseError, as a request body of the same bytes would."""
    if len(text) > LINE_MAX_BYTES:
        raise exceptions.ParseError(f"The line is longer than {LINE_MAX_BYTES} bytes.")
    try:
        return json.loads(text.decode())
    except UnicodeDecodeError as error:
        raise exceptions.ParseError(f"Byte {error.start + 1} of the line is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise exceptions.ParseError(f"This is not JSON: {error.msg} at column {error.colno}.") from error
    except RecursionError:
        raise exceptions.ParseError("The JSON is nested too deeply.") from None
    except ValueError:
        raise exceptions.ParseError("A number in it has too many digits.") from None


# --- LoCoMo -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """One entry of a `session_N`, as the file has it, with what it takes to place it; `index` counts from 0."""

    sample: str
    conversation: dict[str, Any]
    session: int
    index: int
    entry: Any


def whole_json(file: BufferedReader) -> Any:
    """Raises UnreadableFile."""
    try:
        return json.loads(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"Byte {error.start + 1} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise UnreadableFile(f"It is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error
    except (RecursionError, ValueError):
        raise UnreadableFile("It is JSON nested too deeply, or with a number too long.") from None


def _locomo_turns(samples: Any) -> list[Turn]:
    """Every turn, session by session. Raises UnreadableFile for JSON of another shape."""
    if not isinstance(samples, list) or not all(_is_sample(sample) for sample in samples):
        raise UnreadableFile(
            "It is JSON, but not LoCoMo's, a list of samples with a `conversation` each. "
            "A JSON array of messages becomes JSON Lines by: jq -c '.[]'"
        )
    return [
        Turn(sample_name(sample, number), sample["conversation"], session, index, entry)
        for number, sample in enumerate(samples, start=1)
        for session in _sessions(sample["conversation"])
        for index, entry in enumerate(sample["conversation"][f"session_{session}"])
    ]


def sample_name(sample: Mapping[str, Any], number: int) -> str:
    """What a sample is called, the `number`th of its file, from 1."""
    return str(sample.get("sample_id") or f"sample-{number}")


def _is_sample(sample: Any) -> bool:
    return isinstance(sample, dict) and isinstance(sample.get("conversation"), dict)


def _sessions(conversation: dict[str, Any]) -> list[int]:
    """Numbers of the sessions that have turns: some have a date alone."""
    suffixes = (key.removeprefix("session_") for key, value in conversation.items() if isinstance(value, list))
    return sorted(int(suffix) for suffix in suffixes if suffix.isdecimal())


def _locomo(turns: list[Turn], checker: Checker) -> Iterator[Record]:
    for end, turn in enumerate(turns, start=1):
        yield checker.record(_position(turn), end, partial(_turn_as_message, turn))


def _position(turn: Turn) -> str:
    place = turn.entry.get("dia_id") if isinstance(turn.entry, dict) else None
    return readable(f"{turn.sample} {place or f'session_{turn.session}[{turn.index}]'}")


def _turn_as_message(turn: Turn) -> Any:
    """The turn as a line of JSON Lines would have it; what does not fit is passed on as it is, to be refused."""
    entry, user = turn.entry, turn.conversation.get("speaker_a")
    if not isinstance(entry, dict):
        return entry
    speaker, dia_id = entry.get("speaker"), entry.get("dia_id")
    roles = {str(turn.conversation.get("speaker_b")): "assistant", str(user): "user"}
    return {
        "conversation_id": turn.sample,
        "user_id": f"{turn.sample}-{user}",
        "role": roles.get(str(speaker), speaker),
        "content": _content(entry),
        "created_at": _time(turn),
        "external_id": f"locomo:{turn.sample}:{dia_id}" if dia_id else None,
        "metadata": {"speaker": speaker, "dia_id": dia_id, "session": turn.session},
    }


def _content(entry: dict[str, Any]) -> Any:
    text, caption = entry.get("text"), entry.get("blip_caption")
    return f"{str(text or '').strip()} [shares a photo: {caption}]".strip() if caption else text


def _time(turn: Turn) -> Any:
    """The file dates sessions only: their turns follow each other at an even pace, so that their order is kept."""
    given = turn.conversation.get(f"session_{turn.session}_date_time")
    try:
        start = datetime.strptime(str(given), LOCOMO_TIME).replace(tzinfo=UTC)
    except ValueError:
        return given
    return (start + turn.index * LOCOMO_TURN).isoformat()
