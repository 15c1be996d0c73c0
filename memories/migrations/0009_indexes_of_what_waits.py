from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('memories', '0008_usage'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='job',
            index=models.Index(condition=models.Q(('status', 'failed')), fields=['-id'], name='job_failed'),
        ),
        AddIndexConcurrently(
            model_name='messageembedding',
            index=models.Index(condition=models.Q(('status__in', ('pending', 'processing', 'failed'))), fields=['tenant', 'model', 'status', 'queued_at'], name='embedding_open_of_tenant'),
        ),
    ]
