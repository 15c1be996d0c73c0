"""How often something may be asked for, as people write it."""

import re

RATE = re.compile(r"([1-9]\d{0,8})/(second|minute|hour|day|[smhd])")


def parse(value: str) -> str | None:
    """`120/minute` → `120/m`; `0` and the empty string → None, no limit. Raises ValueError."""
    if value in ("", "0"):
        return None
    match = RATE.fullmatch(value)
    if not match:
        raise ValueError(f"Expected COUNT/second, /minute, /hour or /day, or 0 for no limit, not {value!r}.")
    return f"{match[1]}/{match[2][0]}"
