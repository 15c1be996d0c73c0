"""What a caller may do."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.authentication import Caller

if TYPE_CHECKING:  # REST framework imports this module from its settings, before its views
    from rest_framework.views import APIView


class HasApiKey(BasePermission):
    """Anyone whose key was recognised (or everyone, where the API is open)."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.user, Caller)
