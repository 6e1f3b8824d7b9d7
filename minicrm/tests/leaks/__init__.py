"""A whole run with personal data that is easy to find again, and the search for it."""
