"""What Operators and Viewers may, and what they may not."""

from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from memories.models import Job
from memories.tests.factories import JobFactory, MessageFactory
from memories.tests.helpers import queue
from memory_layer.admin import SIDEBAR
from memory_layer.admin import address as page_address
from memory_layer.operators import LOOKED_AT, OPERATORS, VIEWERS, set_up_groups
from retention.models import Policy, Run
from tenants import keys
from tenants.models import AuditEvent
from tenants.tests.admin_pages import act, adding, page, text
from tenants.tests.plain_login import PlainBrowser

pytestmark = pytest.mark.django_db
PAGES = [one for pages in SIDEBAR.values() for one in pages]
ACCOUNTS = {"auth.user", "auth.group"}


@pytest.fixture
def made(db):
    """As `migrate` leaves them."""
    for label in LOOKED_AT:
        set_up_groups(apps.get_app_config(label))


def browser_of(group):
    user = User.objects.create_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    browser = PlainBrowser()
    browser.force_login(user)
    return browser


@pytest.fixture
def operator(made):
    return browser_of(OPERATORS)


@pytest.fixture
def onlooker(made):
    return browser_of(VIEWERS)


# --- Looking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [OPERATORS, VIEWERS])
@pytest.mark.parametrize("label", PAGES)
def test_both_look_at_everything_but_accounts(made, name, label):
    assert browser_of(name).get(page_address(label)).status_code == (403 if label in ACCOUNTS else 200)


def test_both_see_every_card_and_sign(operator, onlooker, tenant):
    MessageFactory.create(conversation__tenant=tenant)
    for browser in (operator, onlooker):
        context = browser.get(reverse("admin:index")).context
        assert (len(context["cards"]), len(context["signs"])) == (8, 6)


# --- Acting -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def message(tenant):
    return MessageFactory.create(conversation__tenant=tenant)


def test_an_operator_archives_and_restores(operator, message):
    act(operator, "memories_message", "archive", message, confirmed="yes")
    message.refresh_from_db()
    assert message.archived_at
    act(operator, "memories_message", "restore", message, confirmed="yes")
    message.refresh_from_db()
    assert message.archived_at is None


def test_an_operator_embeds_again(operator, message):
    [row] = queue(message, status="failed", error="No.")
    act(operator, "memories_messageembedding", "embed_again", row, confirmed="yes")
    row.refresh_from_db()
    assert row.status == "pending"


def test_an_operator_tries_jobs_again(operator, tenant):
    failed = JobFactory.create(end_user__tenant=tenant, status="failed", error="No.", finished_at=timezone.now())
    act(operator, "memories_job", "try_again", failed, confirmed="yes")
    assert Job.objects.get(pk=failed.pk).status == "queued"


def test_an_operator_makes_a_dry_run(operator, tenant):
    policy = Policy.objects.create(tenant=tenant, max_age_days=1)
    act(operator, "retention_policy", "plan_now", policy)
    assert Run.objects.get().dry_run


@pytest.mark.parametrize("action", ["archive", "restore", "embed_again", "delete_selected"])
def test_a_viewer_is_offered_no_action(onlooker, message, action):
    response = onlooker.get(page_address("memories.message"))
    assert f'value="{action}"' not in text(response)
    act(onlooker, "memories_message", action, message, confirmed="yes")
    message.refresh_from_db()
    assert message.archived_at is None


@pytest.mark.parametrize(
    "form",
    [
        "auth_user",
        "auth_group",
        "tenants_apikey",
        "tenants_tenant",
        "retention_policy",
        "retention_rule",
        "retention_receipt",
        "memories_hold",
        "django_celery_beat_periodictask",
    ],
)
@pytest.mark.parametrize("name", [OPERATORS, VIEWERS])
def test_neither_makes_what_others_rely_on(made, name, form):
    assert browser_of(name).get(adding(form)).status_code == 403


def test_an_operator_deletes_nothing(operator, message):
    url = reverse("admin:memories_message_delete", args=[message.pk])
    assert operator.post(url, {"post": "yes"}).status_code == 403
    act(operator, "memories_message", "delete_selected", message, confirmed="yes")
    message.refresh_from_db()


def test_an_operator_runs_retention_for_real_never(operator, tenant):
    run = Run.objects.create(tenant=tenant, dry_run=True, trigger="admin", status="completed")
    act(operator, "retention_run", "enforce", run, confirmed="yes")
    assert not Run.objects.filter(dry_run=False).exists()


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_an_operator_touches_no_key(operator, tenant, action):
    row = keys.issue(tenant, name="app")[0]
    act(operator, "tenants_apikey", action, row, confirmed="yes")
    row.refresh_from_db()
    assert (row.state, row.expires_at) == ("usable", None)


def test_an_operator_changes_no_tenant(operator, tenant):
    assert operator.post(page(tenant), {"name": "Mine"}).status_code == 403


# --- The groups -------------------------------------------------------------------------------------------------------


def test_nobody_in_them_may_anything_about_accounts(made):
    for name in (OPERATORS, VIEWERS):
        theirs = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
        assert {app for app, _ in theirs} <= set(LOOKED_AT)
        assert not [codename for _, codename in theirs if codename.startswith("delete_")]


def test_viewers_may_look_and_no_more(made):
    names = Group.objects.get(name=VIEWERS).permissions.values_list("codename", flat=True)
    assert names
    assert all(name.startswith("view_") for name in names)


def test_migrate_puts_them_back(made):
    group = Group.objects.get(name=OPERATORS)
    before = set(group.permissions.all())
    group.permissions.add(Permission.objects.get(codename="delete_message"))
    group.permissions.remove(Permission.objects.get(codename="change_message"))
    for label in LOOKED_AT:
        set_up_groups(apps.get_app_config(label))
    assert set(group.permissions.all()) == before


# --- The command ------------------------------------------------------------------------------------------------------


def created(*options):
    out = StringIO()
    call_command("create_operator", *options, stdout=out)
    return out.getvalue().strip()


@pytest.mark.parametrize(("options", "group"), [([], OPERATORS), (["--viewer"], VIEWERS)])
def test_an_account_is_made_whose_password_is_shown_once(made, client, options, group):
    password = created("robin", *options)
    robin = User.objects.get(username="robin")
    assert (robin.is_staff, robin.is_superuser) == (True, False)
    assert [one.name for one in robin.groups.all()] == [group]
    answer = client.post("/admin/login/", {"username": "robin", "password": password})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_a_new_account_is_in_the_trail_and_its_password_is_not(made):
    password = created("robin")
    [event] = AuditEvent.objects.filter(action="operator.created")
    assert (event.object_id, event.detail) == (str(User.objects.get().pk), {"group": OPERATORS})
    assert password not in str(event.detail)


@pytest.mark.parametrize("name", ["robin", "no spaces"])
def test_a_name_that_is_taken_or_bad_is_refused(made, name):
    User.objects.create_user("robin")
    with pytest.raises(CommandError):
        created(name)
