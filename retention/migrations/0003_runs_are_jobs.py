from django.db import migrations

from tenants.isolation import across_tenants


def give_jobs(apps, schema_editor):
    """Runs that are under way are carried on by jobs of their ids."""
    job = apps.get_model('memories', 'Job')
    with across_tenants():
        for run in apps.get_model('retention', 'Run').objects.filter(status='running', dry_run=False):
            job.objects.create(pk=run.pk, tenant_id=run.tenant_id, kind='retention', total=run.total)


class Migration(migrations.Migration):

    dependencies = [
        ('memories', '0007_long_operations'),
        ('retention', '0002_forecast'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='run', name='run_unfinished'),
        migrations.RemoveField(model_name='run', name='lease_until'),
        migrations.RunPython(give_jobs, migrations.RunPython.noop),
    ]
