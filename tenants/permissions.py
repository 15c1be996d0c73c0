"""What a caller may do."""

from typing import TYPE_CHECKING

from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from tenants.authentication import Caller
from tenants.models import Scope

if TYPE_CHECKING:  # REST framework imports this module from its settings, before its views
    from rest_framework.views import APIView


class InsufficientScope(exceptions.PermissionDenied):
    default_code = "insufficient_scope"


class HasScope(BasePermission):
    """A recognised key (or anyone, where the API is open) with the scope of the call: `read` to look, else `write`.

    A view says otherwise by `required_scope = Scope.…`, and for an action of its own by `scopes = {"action": Scope.…}`.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.user, Caller):
            return False
        by_method = Scope.READ if request.method in SAFE_METHODS else Scope.WRITE
        ordinary = getattr(view, "required_scope", by_method)
        needed: str = getattr(view, "scopes", {}).get(getattr(view, "action", None), ordinary)
        if needed not in request.user.scopes:
            raise InsufficientScope(f"This key lacks the scope `{needed}`; use one that has it.")
        return True
