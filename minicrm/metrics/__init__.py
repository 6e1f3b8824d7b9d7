"""What /metrics tells a Prometheus server; docs/monitoring.md has the meaning of each number."""
