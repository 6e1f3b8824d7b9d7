"""Say of what was stored before how its periods ended, and since when contacts have waited.

In SQL, as there may be millions. Nobody noted who closed them or why nobody could take them.
"""

from django.db import migrations

FORWARDS = """
UPDATE leads_assignment SET ended_as = 'closed' WHERE ended_at IS NOT NULL AND ended_as = '';
INSERT INTO leads_assignment
    (contact_id, operator_id, method, decision, started_at, ended_as, ended_by, end_reason)
SELECT id, NULL, 'queued', '{}', created_at, '', '', ''
FROM leads_contact WHERE status = 'waiting' ORDER BY id;
"""
BACKWARDS = "DELETE FROM leads_assignment WHERE method = 'queued';"


class Migration(migrations.Migration):

    dependencies = [
        ('leads', '0002_periods'),
    ]

    operations = [
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
