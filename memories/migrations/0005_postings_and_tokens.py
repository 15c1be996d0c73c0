"""Search by words reads postings instead of a tsvector; token vectors for late interaction."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.migration_operations import IsolateTenants, TenantForeignKey

STORAGE = [
    # The vector is read of every window, the tokens of few: these are the ones to leave the row when it grows too long.
    "ALTER TABLE memories_embeddingwindow ALTER COLUMN vector SET STORAGE MAIN",
    "ALTER TABLE memories_embeddingwindow ALTER COLUMN tokens SET STORAGE EXTERNAL",  # random bits do not compress
]


class Migration(migrations.Migration):
    dependencies = [("memories", "0004_facts"), ("tenants", "0006_language_and_weights")]

    operations = [
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "message_id", "term", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("term", models.TextField(db_collation="C")),
                ("frequency", models.PositiveSmallIntegerField()),
                ("length", models.PositiveSmallIntegerField()),
                (
                    "message",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="postings",
                        to="memories.message",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["tenant", "term"], include=["message", "frequency", "length"], name="posting_of_term"
                    )
                ],
            },
        ),
        IsolateTenants("Posting"),
        TenantForeignKey("Posting", "message"),
        migrations.RemoveIndex(model_name="message", name="message_words"),
        migrations.RemoveField(model_name="message", name="search_vector"),
        migrations.AddField(
            model_name="embeddingwindow", name="tokens", field=models.BinaryField(null=True)
        ),
        *(migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in STORAGE),
    ]
