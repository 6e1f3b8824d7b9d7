"""Django's backend for SQLite: a queue for its one writer, and the wait for the disk after it."""
