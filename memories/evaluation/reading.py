"""Read a labelled set: LoCoMo's JSON, LongMemEval's, or JSON Lines (docs/evaluate.md)."""

import io
from collections import Counter
from collections.abc import Mapping
from io import BufferedReader
from typing import Any

from drf_standardized_errors.formatter import flatten_errors
from rest_framework import exceptions

from memories import imports
from memories.api.serializers import MessageFilters
from memories.evaluation import locomo, longmemeval
from memories.evaluation.labelled import LabelledSet, Question, masked, spread
from memories.imports import BOM, Checker, UnreadableFile, readable
from memories.ingest import NewMessage

FORMS = ("auto", "locomo", "longmemeval", "jsonl")
TENANT = "evaluation"
QUERY_FIELDS = ("id", "text", "relevant", "category", "filters")
EXPECTED_LINE = 'Expected is {"message": {"id", …}} or {"query": {"text", "relevant": [ids of messages], …}}.'


def read(file: BufferedReader, *, form: str = "auto", limit: int | None = None) -> LabelledSet:
    """The labelled set in `file`, with at most `limit` of its questions. Raises UnreadableFile."""
    head = file.peek()
    if not head:
        raise UnreadableFile("It is empty.")
    if form == "jsonl" or (form == "auto" and imports.format_of(head) == "jsonl"):
        found = _json_lines(file, limit=limit)
    else:
        found = _json(file, form=form, limit=limit)
    if not found.questions:
        raise UnreadableFile(f"It has no question whose answer is known. Left out: {dict(found.dropped)}.")
    return found


def _json(file: BufferedReader, *, form: str, limit: int | None) -> LabelledSet:
    body = file.read()
    entries = imports.whole_json(BufferedReader(io.BytesIO(body)))
    if form == "longmemeval" or (form == "auto" and longmemeval.is_likely(entries)):
        return longmemeval.labelled_set(entries, checker=Checker(TENANT), limit=limit)
    records = imports.read(
        BufferedReader(io.BytesIO(body)),
        form="locomo",
        tenant=TENANT,
        size=len(body),
    ).records
    return locomo.labelled_set(entries, records=records, limit=limit)


# --- JSON Lines ---------------------------------------------------------------------------------------------------


def _json_lines(file: BufferedReader, *, limit: int | None) -> LabelledSet:
    """Whoever writes a file of their own wants to hear of every mistake in it: the first one ends the reading."""
    reader = _LinesReader()
    for number, (line, _) in enumerate(imports.lines(file), start=1):
        text = line.removeprefix(BOM).strip()
        if text:
            _take(reader, text, number=number)
    unknown = {one.id: one.relevant - reader.messages.keys() for one in reader.questions}
    answerable = [one for one in reader.questions if not unknown[one.id]]
    if len(answerable) < len(reader.questions):
        first = next(name for name, ids in unknown.items() if ids)
        raise UnreadableFile(f"Question {first} names a relevant message that is not in the file.")
    return LabelledSet("jsonl", list(reader.messages.values()), spread(answerable, limit=limit), Counter())


def _take(reader: "_LinesReader", text: bytes, *, number: int) -> None:
    try:
        reader.take(imports.line_as_json(text), number=number)
    except (exceptions.ValidationError, exceptions.ParseError) as error:
        first = flatten_errors(error.detail)[0]
        where = f" ({first.attr})" if first.attr else ""
        raise UnreadableFile(f"Line {number}{where}: {readable(first.detail)} {EXPECTED_LINE}") from error


class _LinesReader:
    """Messages by external id, and questions, in the order of the file."""

    def __init__(self) -> None:
        self.messages: dict[str, NewMessage] = {}
        self.questions: list[Question] = []
        self._checker = Checker(TENANT)
        self._ids: set[str] = set()

    def take(self, line: Any, *, number: int) -> None:
        """Raises ValidationError."""
        match line:
            case {"message": {"id": str(name)} as fields} if len(line) == 1:
                self._take_message(name, fields)
            case {"query": {"text": str(text), "relevant": [_, *_]} as fields} if len(line) == 1:
                self._take_question(text, dict(fields), number=number)
            case _:
                raise exceptions.ValidationError("This is neither a message nor a query.")

    def _take_message(self, name: str, fields: Mapping[Any, Any]) -> None:
        external_id = masked(name)
        if external_id in self.messages:
            raise exceptions.ValidationError({"id": f'Another message has the id "{name}".'})
        self.messages[external_id] = self._checker.message(
            {key: value for key, value in fields.items() if key != "id"} | {"external_id": external_id}
        )

    def _take_question(self, text: str, fields: Mapping[Any, Any], *, number: int) -> None:
        name = str(fields.get("id", f"line {number}"))
        if unknown := sorted(map(str, fields.keys() - set(QUERY_FIELDS))):
            raise exceptions.ValidationError({unknown[0]: f"A query has {', '.join(QUERY_FIELDS)}."})
        if not text.strip():
            raise exceptions.ValidationError({"text": "It is empty."})
        if name in self._ids:
            raise exceptions.ValidationError({"id": f'Another query has the id "{name}".'})
        self._ids.add(name)
        relevant = frozenset(masked(one) for one in fields["relevant"])
        category, filters = str(fields.get("category", "")), _filters(fields.get("filters", {}))
        self.questions.append(Question(name, text, relevant, category=category, filters=filters))


def _filters(given: Any) -> dict[str, Any]:
    """Those of a search, by its rules. Raises ValidationError."""
    if not isinstance(given, dict):
        raise exceptions.ValidationError({"filters": 'Expected an object, such as {"user_id": "ann"}.'})
    filters = MessageFilters().run_validation({**given, "tenant_id": TENANT})
    return {name: value for name, value in filters.items() if name != "tenant_id"}
