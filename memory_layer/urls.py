"""Every address of the service."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from memory_layer import health
from memory_layer.metrics.exposition import metrics

urlpatterns = [
    path("", RedirectView.as_view(url="/docs")),
    path("v1/admin/health", health.HealthView.as_view()),
    path("v1/admin/readiness", health.ReadinessView.as_view()),
    path("v1/", include("memories.api.urls")),
    path("v1/", include("tenants.api.urls")),
    path("v1/", include("retention.api.urls")),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="docs"),
    path("redoc", SpectacularRedocView.as_view(url_name="openapi"), name="redoc"),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}memory_layer/favicon.svg")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
]
if settings.MEMORY_METRICS_ENABLED and not settings.MEMORY_METRICS_PORT:
    urlpatterns.append(path("metrics", metrics))
