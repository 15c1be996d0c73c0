"""The admin as a whole: its sidebar, schedules and operators."""

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.admin import ModelAdmin

from memory_layer.admin import SIDEBAR
from memory_layer.admin import address as page_address
from tenants.models import AuditEvent

PAGES = [page for pages in SIDEBAR.values() for page in pages]
TASKS = reverse("admin:django_celery_beat_periodictask_changelist")


def address(page, view):
    return reverse(f"admin:{page.replace('.', '_')}_{view}")


@pytest.fixture
def hourly(db):
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    return PeriodicTask.objects.create(name="hourly", task="memories.tasks.rescore_importance", interval=interval)


def test_every_page_has_the_same_look():
    assert [model for model, page in site._registry.items() if not isinstance(page, ModelAdmin)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_the_sidebar_opens(admin_client, hourly, page):
    response = admin_client.get(page_address(page))
    assert response.status_code == 200
    assert f'href="{page_address(page)}"' in response.content.decode()


@pytest.mark.parametrize(
    "page",
    [
        "memories.fact",
        "memories.fact.person",
        "memories.fact.playground",
        "memories.message",
        "memories.message.search",
    ],
)
def test_one_page_of_the_sidebar_is_the_one_that_is_open(admin_client, page):
    groups = admin_client.get(page_address(page)).context["sidebar_navigation"]
    items = [item for group in groups for item in group["items"]]
    assert [item["link"] for item in items if item["active"]] == [page_address(page)]


@pytest.mark.parametrize("page", ["auth.user", "auth.group", "tenants.tenant", "django_celery_beat.periodictask"])
def test_every_form_opens(admin_client, page):
    assert admin_client.get(address(page, "add")).status_code == 200


def test_the_sidebar_shows_only_what_the_operator_may_see(client, db):
    user = User.objects.create_user("support", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_message"))
    client.force_login(user)
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    assert [item["title"] for group in groups for item in group["items"]] == ["Messages", "Search"]


def test_a_periodic_task_is_added(admin_client):
    schedule = CrontabSchedule.objects.create(minute="30", hour="4")
    task = {"name": "nightly", "regtask": "memories.tasks.queue_missing", "enabled": "on", "crontab": schedule.pk}
    admin_client.post(address("django_celery_beat.periodictask", "add"), task | {"args": "[]", "kwargs": "{}"})
    assert PeriodicTask.objects.get(name="nightly").task == "memories.tasks.queue_missing"


def test_a_periodic_task_is_switched_off(admin_client, hourly):
    admin_client.post(TASKS, {"action": "disable_tasks", "_selected_action": hourly.pk})
    hourly.refresh_from_db()
    assert not hourly.enabled


@pytest.mark.parametrize("name", ["hourly", "nightly"])
def test_a_schedules_page_names_its_tasks(admin_client, hourly, name):
    crontab = CrontabSchedule.objects.create(hour="4")
    PeriodicTask.objects.create(name="nightly", task="memories.tasks.queue_missing", crontab=crontab)
    schedule = hourly.interval if name == "hourly" else crontab
    page = reverse(f"admin:django_celery_beat_{schedule._meta.model_name}_change", args=[schedule.pk])
    assert name in admin_client.get(page).content.decode()


def test_an_operator_is_added(admin_client):
    password = {"password1": "correct horse 9", "password2": "correct horse 9", "usable_password": "true"}
    admin_client.post(address("auth.user", "add"), {"username": "eve"} | password)
    assert User.objects.get(username="eve").check_password("correct horse 9")


# --- The audit trail --------------------------------------------------------------------------------------------------


def noted(action):
    return AuditEvent.objects.filter(action=action).values_list("actor", "object_type", "object_id", "detail")


def test_a_new_operator_is_in_the_trail_and_no_password(admin_client):
    password = {"password1": "correct horse 9", "password2": "correct horse 9", "usable_password": "true"}
    admin_client.post(address("auth.user", "add"), {"username": "eve"} | password)
    eve = User.objects.get(username="eve")
    assert list(noted("admin.added")) == [("admin", "user", str(eve.pk), {})]


def test_a_changed_password_is_in_the_trail_as_a_field(admin_client, admin_user):
    page = reverse("admin:auth_user_password_change", args=[admin_user.pk])
    admin_client.post(page, {"password1": "correct horse 9", "password2": "correct horse 9"})
    assert list(noted("admin.changed")) == [("admin", "user", str(admin_user.pk), {"fields": ["password"]})]


@pytest.mark.parametrize("action", ["enable_tasks", "disable_tasks", "toggle_tasks"])
def test_an_action_on_schedules_is_in_the_trail(admin_client, hourly, action):
    admin_client.post(TASKS, {"action": action, "_selected_action": hourly.pk})
    assert list(noted(f"admin.{action}")) == [("admin", "periodictask", str(hourly.pk), {})]


@pytest.mark.parametrize("page", ["periodictask", "intervalschedule"])
def test_a_deleted_schedule_is_in_the_trail(admin_client, hourly, page):
    row = hourly if page == "periodictask" else hourly.interval
    label = f"django_celery_beat.{page}"
    admin_client.post(
        address(label, "changelist"), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    )
    assert list(noted("admin.deleted")) == [("admin", page, str(row.pk), {})]


def test_who_logs_in_without_a_destination_lands_on_the_first_page(client, db, django_user_model):
    django_user_model.objects.create_superuser("op", password="a long password")
    answer = client.post("/admin/login/", {"username": "op", "password": "a long password"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_browsers_find_an_icon(client, db):
    answer = client.get("/favicon.ico", follow=True)
    answer.close()
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
