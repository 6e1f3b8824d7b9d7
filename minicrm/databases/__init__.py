"""Django's own database backends, each with what a request at a time, many a second, asks for."""
