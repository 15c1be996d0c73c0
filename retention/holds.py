"""Legal holds and pins: placing and releasing them, on the record."""

from typing import Any

from memories.models import Hold
from tenants import audit
from tenants.models import Tenant


def place(tenant: Tenant, *, kind: str, reason: str = "", **target: Any) -> tuple[Hold, bool]:
    """Place a hold on `target` (one field of Hold.TARGETS, none for the whole tenant): it, and whether it is new.

    In a scope that sees the tenant. One of the same kind that stands there already stays as it is, its reason too.
    """
    everything = dict.fromkeys(Hold.TARGETS) | target
    hold, is_new = Hold.objects.get_or_create(tenant=tenant, kind=kind, **everything, defaults={"reason": reason})
    if is_new:
        audit.record("hold.placed", hold, tenant=tenant, **_said(hold))
    return hold, is_new


def release(hold: Hold) -> None:
    audit.record("hold.released", hold, tenant=hold.tenant, **_said(hold))
    hold.delete()


def _said(hold: Hold) -> dict[str, Any]:
    target = {f"{name}_id": str(pk) for name in Hold.TARGETS if (pk := getattr(hold, f"{name}_id"))}
    return {"kind": hold.kind, "reason": hold.reason, **target}
