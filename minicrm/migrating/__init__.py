"""What makes migrations safe beside traffic; docs/migrations.md says how they are written."""
