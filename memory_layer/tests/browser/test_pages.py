"""Every page of the admin and of the API's documentation, as a browser has it: wide, on a phone, in the dark."""

import pytest
from django.urls import reverse

from memory_layer.tests import admin_addresses
from memory_layer.tests.browser.looks import LOOKS, Visit

MODELS = {admin_addresses.name_of(model): model for model in admin_addresses.models()}
ADDED = [
    *("auth_group", "auth_user", "django_celery_beat_periodictask", "memories_hold", "retention_policy"),
    *("retention_receipt", "retention_rule", "tenants_apikey", "tenants_tenant"),
]
UNUSED = {"django_celery_beat_clockedschedule", "django_celery_beat_solarschedule"}  # no row to look at
OTHERS = {
    "dashboard": "/admin/",
    "search": "/admin/memories/message/search/?tenant={tenant}&query=where+does+Maya+live",
    "search_form": "/admin/memories/message/search/",
    "people": "/admin/memories/fact/person/",
    "person": "/admin/memories/fact/person/?end_user={person}",
    "playground": "/admin/memories/fact/playground/",
    "messages_of_a_talk": "/admin/memories/message/?conversation__id__exact={talk}",
    "nothing_found": "/admin/memories/message/?q=nowhere",
    "password": "/admin/password_change/",
    "swagger": "/docs",
    "redoc": "/redoc",
}


@pytest.fixture
def examine(visit, seeded):
    """See that a page has a title, works without complaint, fits on a phone and is accessible, in all its looks."""

    def examine(address: str, name: str) -> None:
        ids = {"tenant": seeded.tenant.pk, "person": seeded.person.pk, "talk": seeded.talk.pk}
        visit.open(address.format(**ids))
        assert visit.page.title().strip(" |")
        found = visit.complaints + [problem for look in LOOKS for problem in _problems(visit, look, name)]
        assert not found, "\n".join(found)

    return examine


def _problems(visit: Visit, look: str, name: str) -> list[str]:
    visit.look(look)
    visit.picture(f"{name}-{look}")
    wide = [f"{look}: {visit.overflow} pixels too wide"] if visit.overflow > 0 else []
    return wide + [f"{look}: {fault}" for fault in visit.faults()]


@pytest.mark.parametrize("name", MODELS)
def test_a_list(examine, name):
    examine(admin_addresses.list_of(MODELS[name]), name)


@pytest.mark.parametrize("name", sorted(MODELS.keys() - UNUSED))
def test_a_row(examine, seeded, name):
    examine(seeded.pages[name], f"{name}-row")


@pytest.mark.parametrize("name", ADDED)
def test_a_form_to_add(examine, name):
    examine(reverse(f"admin:{name}_add"), f"{name}-add")


@pytest.mark.parametrize("name", OTHERS)
def test_a_page(examine, name):
    examine(OTHERS[name], name)
