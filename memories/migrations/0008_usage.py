import django.db.models.deletion
from django.db import migrations, models

from tenants.migration_operations import IsolateTenants


class Migration(migrations.Migration):

    dependencies = [
        ('memories', '0007_long_operations'),
        ('tenants', '0006_language_and_weights'),
    ]

    operations = [
        migrations.CreateModel(
            name='DailyUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('user_messages', models.PositiveIntegerField(default=0)),
                ('assistant_messages', models.PositiveIntegerField(default=0)),
                ('system_messages', models.PositiveIntegerField(default=0)),
                ('tool_messages', models.PositiveIntegerField(default=0)),
                ('characters', models.PositiveBigIntegerField(default=0)),
                ('facts', models.PositiveIntegerField(default=0)),
                ('searches', models.PositiveIntegerField(default=0)),
                ('recalls', models.PositiveIntegerField(default=0)),
                ('counted_to', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='usage', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['-day', '-counted_to'], name='usage_by_day')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'day'), name='usage_of_a_day_is_unique')],
            },
        ),
        migrations.CreateModel(
            name='TenantSize',
            fields=[
                ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='size', serialize=False, to='tenants.tenant')),
                ('messages', models.PositiveBigIntegerField(default=0)),
                ('archived', models.PositiveBigIntegerField(default=0)),
                ('conversations', models.PositiveBigIntegerField(default=0)),
                ('end_users', models.PositiveBigIntegerField(default=0)),
                ('facts', models.PositiveBigIntegerField(default=0)),
                ('bytes', models.PositiveBigIntegerField(default=0)),
                ('embedded', models.JSONField(default=dict)),
                ('measured_at', models.DateTimeField()),
            ],
        ),
        IsolateTenants("DailyUsage"),
        IsolateTenants("TenantSize"),
    ]
