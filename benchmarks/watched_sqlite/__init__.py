"""The application's connection to SQLite, which writes down when the database was locked."""

LOCKED = "locked.log"  # in DATA_DIR, a line each
