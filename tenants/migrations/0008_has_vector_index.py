from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0007_embedding_models'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='has_vector_index',
            field=models.BooleanField(default=False, editable=False, help_text='It has so many messages that searches go through an index of its own.'),
        ),
    ]
