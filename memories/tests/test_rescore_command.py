"""`manage.py rescore_importance`."""

from io import StringIO

import pytest
from django.core.management import call_command

from memories.models import Message
from memories.tests.factories import MessageFactory
from tenants.tests.plain_login import plain_login


@pytest.mark.django_db
def test_scores_are_brought_up_to_date() -> None:
    message, out = MessageFactory.create(stored_importance=0.0), StringIO()
    with plain_login():
        call_command("rescore_importance", stdout=out)
    assert Message.objects.get(pk=message.pk).stored_importance == pytest.approx(0.9, abs=0.01)
    assert out.getvalue() == "Scores refreshed: 1.\n"


@pytest.mark.django_db
def test_a_dry_run_says_how_many_have_drifted_and_refreshes_none() -> None:
    message, out = MessageFactory.create(stored_importance=0.0), StringIO()
    with plain_login():
        call_command("rescore_importance", "--dry-run", stdout=out)
    assert Message.objects.get(pk=message.pk).stored_importance == 0.0
    assert out.getvalue() == "Scores to refresh: 1.\n"
