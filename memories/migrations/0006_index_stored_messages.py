"""Messages that were stored before there were postings are indexed, so that their words are found again."""

from django.db import migrations

from memories.search.reindexing import reindex, unindexed


def index(apps, schema_editor):
    """In steps, each a transaction of its own: writers need not wait, and a run that was stopped goes on."""
    for _ in reindex(unindexed(apps.get_model("memories", "Message").objects.order_by())):
        pass


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("memories", "0005_postings_and_tokens"), ("tenants", "0006_language_and_weights")]
    operations = [migrations.RunPython(index, migrations.RunPython.noop)]
