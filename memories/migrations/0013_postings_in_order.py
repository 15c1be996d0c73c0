"""The postings of a term, latest message first."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('memories', '0012_checked_once'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='posting',
            index=models.Index(fields=['tenant', 'term', 'message'], include=['frequency', 'length'], name='posting_of_word'),
        ),
        RemoveIndexConcurrently(
            model_name='posting',
            name='posting_of_term',
        ),
    ]
