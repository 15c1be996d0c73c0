"""Operators who log in, and those who try, stand in the audit trail."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from tenants import audit
from tenants.addresses import client_address


@receiver(user_logged_in)
def note_login(request: HttpRequest, user: User, **_: Any) -> None:
    audit.act_as(audit.ActorKind.OPERATOR, user.get_username(), address=client_address(request))
    audit.record("admin.login", user)


@receiver(user_login_failed)
def note_failed_login(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    if request:  # else it is no login: a program asked whether a password is right
        audit.act_as(audit.ActorKind.OPERATOR, credentials.get("username", ""), address=client_address(request))
        audit.record("admin.login_failed")
