"""What people fill in about contacts and leads."""
