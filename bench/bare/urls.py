"""A view that says ok, and one that validates a turn and inserts its row."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.generics import CreateAPIView
from rest_framework.serializers import ModelSerializer

from bench.bare.models import Turn


class TurnSerializer(ModelSerializer[Turn]):
    class Meta:
        model = Turn
        fields = ["id", "conversation_id", "role", "content", "metadata", "created_at"]


class TurnView(CreateAPIView[Turn]):
    serializer_class = TurnSerializer


def view(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [path("view", view), path("create", TurnView.as_view())]
