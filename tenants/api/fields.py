"""Fields that take what the contract says and nothing that merely resembles it.

REST framework reads `5` as text and `"5"` as a number; here JSON's types are kept apart. A query string, which knows
only text, is told by `context={"from_query": True}`.
"""

import math
import re
from datetime import date, datetime
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from tenants.models import EXTERNAL_ID_MAX, SLUG_PATTERN

METADATA_LEVELS, METADATA_ITEMS, METADATA_TEXT = 4, 50, 2048
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII | re.IGNORECASE)
DAY = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)
DIGITS = re.compile(r"-?[0-9]+")  # int() also reads `1_0` and the digits of other scripts


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        is_whole = DIGITS.fullmatch(data) if self.context.get("from_query") else type(data) is int
        if not is_whole:
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Number(serializers.FloatField):
    default_error_messages = {"overflow": "A valid number is required."}

    def to_internal_value(self, data: Any) -> float:
        if not self.context.get("from_query") and (isinstance(data, bool) or not isinstance(data, int | float)):
            self.fail("invalid")
        value = float(super().to_internal_value(data))
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        readings: dict[Any, bool] = {"true": True, "false": False} if self.context.get("from_query") else {}
        if isinstance(data, bool):
            return data
        if not isinstance(data, str) or data not in readings:
            self.fail("invalid", input=data)
        return readings[data]


class Moment(serializers.DateTimeField):
    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not ISO_8601.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss[.uuuuuu][Z|+HH:MM|-HH:MM]")
        return super().to_internal_value(value)


class Day(serializers.DateField):
    """A day of this century, as YYYY-MM-DD."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not DAY.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD, of this century")
        return super().to_internal_value(value)


class Slug(Text):
    """Text of the pattern that the database enforces too."""

    def __init__(self, pattern: str, **kwargs: Any) -> None:
        message = f"Expected text that matches {pattern} (letters, digits, `_`, `.`, `-`)."
        validators = [RegexValidator(pattern.replace("$", r"\Z"), message)]
        super().__init__(validators=validators, trim_whitespace=False, **kwargs)


class TenantId(Slug):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(SLUG_PATTERN, help_text="Default: the key's tenant.", **{"required": False, **kwargs})


class UserId(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=EXTERNAL_ID_MAX, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and len(data) > EXTERNAL_ID_MAX:
            self.fail("max_length", max_length=EXTERNAL_ID_MAX)  # as sent: the document knows nothing of trimming
        return super().to_internal_value(data)


class Choice(serializers.ChoiceField):
    """Names what may be chosen; what was sent is not repeated, since it may be anything."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choices:
            message = f"Expected one of {', '.join(map(str, self.choices))}."
            raise serializers.ValidationError(message, code="invalid_choice")
        return data


class Share(Number):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0.0, max_value=1.0, **kwargs)


class Metadata(serializers.DictField):
    """An object of limited depth, breadth and text length; what is over a limit is named by its path."""

    default_error_messages = {
        "too_deep": f"{{path}} is nested deeper than {METADATA_LEVELS} levels.",
        "too_many": f"{{path}} has more than {METADATA_ITEMS} entries.",
        "too_long": f"{{path}} is longer than {METADATA_TEXT} characters.",
        "bad_text": "{path} holds a NUL or an unpaired surrogate, which cannot be stored.",
        "bad_number": "{path} is not a finite number.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        self._check(data, path=self.field_name or "metadata", level=1)
        return data

    def _check(self, value: Any, *, path: str, level: int) -> None:
        if isinstance(value, dict | list):
            self._check_entries(value, path=path, level=level)
        elif isinstance(value, str):
            self._check_text(value, path=path)
        elif isinstance(value, float) and not math.isfinite(value):
            self.fail("bad_number", path=path)

    def _check_entries(self, value: dict[str, Any] | list[Any], *, path: str, level: int) -> None:
        if level > METADATA_LEVELS:
            self.fail("too_deep", path=path)
        if len(value) > METADATA_ITEMS:
            self.fail("too_many", path=path)
        if isinstance(value, list):
            entries = [(f"{path}[{index}]", entry) for index, entry in enumerate(value)]
        else:
            entries = [(f"{path}.{key[:80]}", entry) for key, entry in value.items()]
            for key in value:
                self._check_text(key, path=f"the key {path}.{key[:80]}")
        for entry_path, entry in entries:
            self._check(entry, path=entry_path, level=level + 1)

    def _check_text(self, text: str, *, path: str) -> None:
        if len(text) > METADATA_TEXT:
            self.fail("too_long", path=path)
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            self.fail("bad_text", path=printable(path))


def printable(text: str) -> str:
    """`text` with what neither UTF-8 nor PostgreSQL can hold spelled out."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
