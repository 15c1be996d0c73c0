"""Vectors of half the size, which vector indexes want, and what searches of large tenants need to know of words."""

import django.db.models.deletion
import pgvector.django
from django.db import migrations, models

from tenants.migration_operations import IsolateTenants


class Migration(migrations.Migration):
    dependencies = [("memories", "0009_indexes_of_what_waits"), ("tenants", "0008_has_vector_index")]

    operations = [
        migrations.AlterField(
            model_name="embeddingwindow", name="vector", field=pgvector.django.HalfVectorField()
        ),
        # As before (0005): the vector is read of every window, the tokens of few.
        migrations.RunSQL(
            "ALTER TABLE memories_embeddingwindow ALTER COLUMN vector SET STORAGE MAIN", migrations.RunSQL.noop
        ),
        # What ranking reads of a row, it reads at once: values that stand apart cost a search a fifth of its time.
        migrations.RunSQL(
            "ALTER TABLE memories_embeddingwindow SET (toast_tuple_target = 8160)",
            "ALTER TABLE memories_embeddingwindow RESET (toast_tuple_target)",
        ),
        migrations.CreateModel(
            name="CommonTerm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("term", models.TextField(db_collation="C")),
                ("messages", models.PositiveIntegerField()),
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
                "constraints": [models.UniqueConstraint(fields=["tenant", "term"], name="common_term_is_unique")],
            },
        ),
        IsolateTenants("CommonTerm"),
    ]
