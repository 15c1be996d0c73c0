"""Postings: which terms stand in which messages, the index that search by words reads.

A b-tree over plain equality, since the database may use no other index before it has checked whose a row is: the match
operators of its full-text search are not leakproof (docs/adr/0008).
"""

from django.db import models

from memories.models.message import Message
from tenants.models import Tenant

EVERY_MESSAGE = ""  # the term that each message holds once, so that they can be counted and their lengths be read


class Posting(models.Model):
    """`frequency`: how often the term stands in the message; `length`: of how many terms the message is."""

    pk = models.CompositePrimaryKey("message_id", "term")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="postings"
    )
    term = models.TextField(db_collation="C")
    frequency = models.PositiveSmallIntegerField()
    length = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "term", "message"], include=["frequency", "length"], name="posting_of_word")
        ]

    def __str__(self) -> str:
        return f"{self.term} × {self.frequency}"


class CommonTerm(models.Model):
    """A term that stands in very many of a large tenant's messages, and in how many it did when they were counted.

    EVERY_MESSAGE is one of them: the number of all messages.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_index=False, related_name="+")
    term = models.TextField(db_collation="C")
    messages = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "term"], name="common_term_is_unique")]

    def __str__(self) -> str:
        return f"{self.term} in {self.messages}"
