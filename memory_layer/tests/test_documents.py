"""What README and docs/ refer to is there: files and headings, commands, services."""

import re
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

ROOT = settings.BASE_DIR
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "sdk" / "README.md", *(ROOT / "docs").rglob("*.md")])
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
COMPOSE = re.compile(r"docker compose (?:--profile \w+ )?(?:exec|run|up|stop|restart|ps|logs) ([^|<>\n`]*)")
WITH_VALUE = {"--entrypoint", "--scale", "--tail"}


def anchors(document: Path) -> set[str]:
    """Of its headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_service(words: list[str]) -> str | None:
    """The first word that is neither an option nor the value of one."""
    rest = iter(words)
    for word in rest:
        if word in WITH_VALUE:
            next(rest)
        elif not word.startswith("-"):
            return word
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    for path, anchor in LINK.findall(document.read_text()):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_ours_exists(document):
    named = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text()))
    assert named - get_commands().keys() == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_service_of_docker_compose_exists(document):
    found = {named_service(words.split()) for words in COMPOSE.findall(document.read_text())}
    assert found - SERVICES.keys() - {None, "PART"} == set()
