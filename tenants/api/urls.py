"""The addresses of this room, under /v1."""

from rest_framework.routers import SimpleRouter

from tenants.api.audit import AuditViewSet
from tenants.api.keys import ApiKeyViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("api-keys", ApiKeyViewSet, basename="api-key")
router.register("audit", AuditViewSet, basename="audit")
urlpatterns = router.urls
