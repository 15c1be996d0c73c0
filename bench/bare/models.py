"""A turn of a conversation, as plainly as it can be kept."""

from django.db import models


class Turn(models.Model):
    conversation_id = models.CharField(max_length=128)
    role = models.CharField(max_length=16, choices=[(name, name) for name in ("user", "assistant", "system", "tool")])
    content = models.TextField()
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return self.content[:60]
