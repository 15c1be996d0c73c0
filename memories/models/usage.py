"""What tenants use, counted before anybody asks: no page and no call counts a million rows."""

from functools import reduce
from operator import add
from typing import Self

from django.db import models

from memories.models.message import Role
from tenants.models import Tenant

OF_ROLES: dict[str, str] = {role.value: f"{role.value}_messages" for role in Role}
STORED = (*OF_ROLES.values(), "characters", "facts")  # counted from rows
ASKED = {"search": "searches", "recall": "recalls"}  # counted in Redis, by kind
COUNTED = (*STORED, *ASKED.values())
MESSAGES = reduce(add, map(models.F, OF_ROLES.values()))
ASKS = reduce(add, map(models.F, ASKED.values()))


class DailyUsageQuerySet(models.QuerySet["DailyUsage"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)


class DailyUsage(models.Model):
    """What a tenant stored and asked on one day (UTC). What is deleted later was stored all the same.

    `counted_to`: what was stored before is in here; null on a day of which only searches are counted.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="usage")
    day = models.DateField()
    user_messages = models.PositiveIntegerField(default=0)
    assistant_messages = models.PositiveIntegerField(default=0)
    system_messages = models.PositiveIntegerField(default=0)
    tool_messages = models.PositiveIntegerField(default=0)
    characters = models.PositiveBigIntegerField(default=0)
    facts = models.PositiveIntegerField(default=0)
    searches = models.PositiveIntegerField(default=0)
    recalls = models.PositiveIntegerField(default=0)
    counted_to = models.DateTimeField(null=True)

    objects = DailyUsageQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "day"], name="usage_of_a_day_is_unique")]
        indexes = [models.Index(fields=["-day", "-counted_to"], name="usage_by_day")]

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.day}"


class TenantSize(models.Model):
    """How much a tenant had at `measured_at`. `bytes`: of the text of its messages; `embedded`: messages by model."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="size")
    messages = models.PositiveBigIntegerField(default=0)
    archived = models.PositiveBigIntegerField(default=0)
    conversations = models.PositiveBigIntegerField(default=0)
    end_users = models.PositiveBigIntegerField(default=0)
    facts = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    embedded = models.JSONField(default=dict)
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.messages} messages"
