"""The addresses of this room, under /v1."""

from django.urls import path
from rest_framework.routers import SimpleRouter

import tenants.api.converters  # noqa: F401 - for `user_id`
from tenants.api.audit import AuditViewSet
from tenants.api.keys import ApiKeyViewSet
from tenants.api.users import UserViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("api-keys", ApiKeyViewSet, basename="api-key")
router.register("audit", AuditViewSet, basename="audit")
urlpatterns = [
    path("users", UserViewSet.as_view({"get": "list", "post": "create"})),
    path("users/<user_id:user_id>/api-key", UserViewSet.as_view({"delete": "revoke_keys"})),
    path("users/<user_id:user_id>/api-key/rotate", UserViewSet.as_view({"post": "rotate_key"})),
    *router.urls,
]
