"""Cold storage as an operator sees it."""

from pathlib import Path

import pytest

from memories.models import Message
from retention import runs
from retention.models import ColdFile, Rule
from retention.tests.factories import aged
from tenants.tests.admin_pages import act, listed, listing, page, text

COLD = "retention_coldfile"
pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tenant, conversation):
    """One with two messages."""
    Rule.objects.create(
        tenant=tenant, name="cold", rule_type="age", conditions={"max_age_days": 9}, action="move_to_cold_storage"
    )
    for days in (10, 20):
        aged(days, conversation=conversation)
    runs.execute(runs.begin(tenant, trigger="api", dry_run=False, actions=["move_to_cold_storage"]))
    return ColdFile.objects.get()


def test_files_are_listed_with_what_is_in_them(browser, file):
    assert listed(browser, listing(COLD)) == [file]
    shown = text(browser.get(listing(COLD)))
    assert "in cold storage" in shown
    assert file.path in shown


def test_a_file_is_restored_after_a_question(browser, file):
    assert "Bring the messages of this file back?" in act(browser, COLD, "restore", file)
    assert not Message.objects.exists()
    assert "Messages restored: 2; already there: 0." in act(browser, COLD, "restore", file, confirmed="yes")
    assert Message.objects.count() == 2
    assert "Messages restored: 0" in act(browser, COLD, "restore", file, confirmed="yes")
    assert 'value="restore"' not in text(browser.get(page(file)))


def test_a_sound_file_is_found_to_be_so(browser, file):
    assert "as they were written: 1." in act(browser, COLD, "verify", file)


@pytest.mark.parametrize("action", ["verify", "restore"])
def test_a_file_that_was_changed_is_told_of(browser, file, cold_storage: Path, action):
    (cold_storage / file.path).write_bytes(b"other")
    shown = act(browser, COLD, action, file, confirmed="yes")
    assert f"{file.path} cannot be read" in shown or f"{file.path} has been changed" in shown
    assert not Message.objects.exists()


def test_a_viewer_restores_nothing(viewer, file):
    shown = text(viewer.get(page(file)))
    assert 'value="verify"' in shown
    assert 'value="restore"' not in shown
    act(viewer, COLD, "restore", file, confirmed="yes")
    assert not Message.objects.exists()
