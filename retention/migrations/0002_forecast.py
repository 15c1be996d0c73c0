import django.db.models.deletion
from django.db import migrations, models

from tenants.migration_operations import IsolateTenants


class Migration(migrations.Migration):

    dependencies = [
        ('retention', '0001_initial'),
        ('tenants', '0006_language_and_weights'),
    ]

    operations = [
        migrations.CreateModel(
            name='Forecast',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('days', models.PositiveSmallIntegerField()),
                ('action', models.CharField(choices=[('archive', 'Archive'), ('delete', 'Delete'), ('move_to_cold_storage', 'Move to cold storage')], max_length=24)),
                ('count', models.PositiveIntegerField()),
                ('made_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='retention_forecasts', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'days', 'action'), name='forecast_is_unique')],
            },
        ),
        IsolateTenants("Forecast"),
    ]
