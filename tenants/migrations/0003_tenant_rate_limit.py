from django.db import migrations, models

import tenants.models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0002_api_key_scopes'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='rate_limit',
            field=models.CharField(blank=True, help_text='COUNT/second, /minute, /hour or /day, such as 120/minute; 0: no limit. Empty: the setting applies.', max_length=32, null=True, validators=[tenants.models.validate_rate]),
        ),
    ]
