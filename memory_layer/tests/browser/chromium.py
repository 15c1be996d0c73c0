"""Which browser the tests drive: $CHROMIUM, else one on the PATH, else the one that `make test` has put into .venv."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

INSTALLED = settings.BASE_DIR / ".venv" / "browser"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
AXE = INSTALLED / "node_modules" / "axe-core" / "axe.min.js"
FONTS = "<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>"


def launching(folder: Path) -> dict[str, Any]:
    """The arguments of Playwright's `launch`; `folder` takes what the browser writes."""
    options: dict[str, Any] = {"args": ["--no-sandbox"], "chromium_sandbox": False}
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return options | {"executable_path": found}
    if sys.platform != "linux":
        return options | {"channel": "chrome"}  # where it is usually installed
    return options | {"executable_path": INSTALLED / "chromium", "env": _environment(folder)}


def _environment(folder: Path) -> dict[str, str | float | bool]:
    """Its own libraries and font, so that it needs none of the machine's."""
    fonts = folder / "fonts.conf"
    fonts.write_text(FONTS.format(fonts=INSTALLED / "fonts", cache=folder / "fonts"))
    libraries = str(INSTALLED / "al2023" / "lib")
    return {**os.environ, "LD_LIBRARY_PATH": libraries, "FONTCONFIG_FILE": str(fonts)}
