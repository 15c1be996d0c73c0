"""Two groups for those who look after the service without owning it.

Viewers look at everything but accounts. Operators act on what is stored as well: they archive and restore messages,
embed again, try jobs again, make dry runs of retention, and bring back what lies in cold storage. Neither makes users
or keys, changes tenants, policies, rules or schedules, runs retention for real, deletes or erases: that is for
superusers. `migrate` makes the groups, and puts them back to what stands here: for another role make another group.
"""

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.models import Q
from django.utils.crypto import get_random_string

VIEWERS, OPERATORS = "Viewers", "Operators"
LOOKED_AT = ("tenants", "memories", "retention", "django_celery_beat")
ACTS = {
    "memories": ("change_message", "change_messageembedding", "change_job", "add_job"),
    "retention": ("add_run", "change_coldfile"),
}
PASSWORD_LENGTH = 20


def set_up_groups(sender: AppConfig, **_: object) -> None:
    """After the migration of an app: give the groups what they may of it, and take what they may no more."""
    if sender.label not in LOOKED_AT or Group._meta.db_table not in connection.introspection.table_names():
        return
    create_permissions(sender, verbosity=0)
    acts = Q(codename__in=ACTS.get(sender.label, ()))
    looks = Q(codename__startswith="view_")
    for name, may in ((VIEWERS, looks), (OPERATORS, looks | acts)):
        group, _created = Group.objects.get_or_create(name=name)
        theirs = Permission.objects.filter(content_type__app_label=sender.label)
        group.permissions.remove(*theirs.exclude(may))
        group.permissions.add(*theirs.filter(may))


def create(name: str, *, group: str) -> tuple[User, str]:
    """An account for the admin, in one of the groups, and its password, which nobody else knows."""
    password = get_random_string(PASSWORD_LENGTH)
    user = User(username=name, is_staff=True)
    user.full_clean(exclude=["password"])
    user.set_password(password)
    user.save()
    user.groups.add(Group.objects.get(name=group))
    return user, password
