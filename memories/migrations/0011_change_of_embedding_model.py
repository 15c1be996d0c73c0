"""Jobs of three more kinds: to embed what is missing, to change the embedding model, to delete the old vectors."""

from django.db import migrations, models

KINDS = [
    ("extract", "Extract facts"),
    ("consolidate", "Consolidate facts"),
    ("embed", "Embed again"),
    ("backfill", "Embed what is missing"),
    ("erase", "Erase"),
    ("import", "Import messages"),
    ("prune", "Delete old vectors"),
    ("reembed", "Change the embedding model"),
    ("reindex", "Index words again"),
    ("rescore", "Score importance again"),
    ("restore", "Restore from the archive"),
    ("restore_cold", "Restore from cold storage"),
    ("retention", "Retention run"),
]
STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"]


class Migration(migrations.Migration):
    dependencies = [
        ("memories", "0010_half_precision_and_common_terms"),
        ("tenants", "0008_has_vector_index"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="job", name="job_is_known"),
        migrations.AlterField(
            model_name="job", name="kind", field=models.CharField(choices=KINDS, max_length=16)
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.CheckConstraint(
                condition=models.Q(kind__in=[kind for kind, _ in KINDS], status__in=STATUSES), name="job_is_known"
            ),
        ),
    ]
