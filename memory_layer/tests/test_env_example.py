"""`.env.example` names every setting and shows its default."""

import ast
import json
import os
import subprocess
import sys
from io import StringIO

from django.conf import settings
from dotenv import dotenv_values

EXAMPLE = (settings.BASE_DIR / ".env.example").read_text()
UNCOMMENTED = "\n".join(
    line.removeprefix("#") if line.startswith("#MEMORY_") else line for line in EXAMPLE.splitlines()
)
PRINT_SETTINGS = """
import json
from memory_layer import settings
found = {name: value for name, value in vars(settings).items() if name.startswith("MEMORY_")}
print(json.dumps(found, default=str))
"""


def example_values() -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(UNCOMMENTED)).items()}


def names_read_by_settings() -> set[str]:
    """The first argument of every `env.…("MEMORY_…")`."""
    tree = ast.parse((settings.BASE_DIR / "memory_layer" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    names = {ast.literal_eval(call.args[0]) for call in calls if isinstance(call.args[0], ast.Constant)}
    return {name for name in names if str(name).startswith("MEMORY_")}


def settings_from(variables: dict[str, str]) -> dict[str, object]:
    """All MEMORY_* settings of a fresh process; `test`, because that one reads no .env of a developer."""
    kept = {
        name: value for name, value in os.environ.items() if not name.endswith("_API_KEY") and "MEMORY_" not in name
    }
    environment = {**kept, **variables, "MEMORY_ENVIRONMENT": "test"}
    command = [sys.executable, "-c", PRINT_SETTINGS]
    done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_it_names_exactly_the_variables_that_are_read():
    assert set(example_values()) == names_read_by_settings()


def test_it_names_each_variable_once():
    names = [line.partition("=")[0] for line in EXAMPLE.splitlines() if line.startswith("#MEMORY_")]
    assert len(names) == len(set(names))


def test_uncommented_it_is_accepted_and_changes_nothing():
    assert settings_from(example_values()) == settings_from({})


def test_it_leaves_everything_at_its_default_until_it_is_edited():
    assert not dotenv_values(stream=StringIO(EXAMPLE))
