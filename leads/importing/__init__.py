"""Contacts from CSV files: reading them, what their columns mean, and the rows refused.

Nothing here holds more than one row. Storing them is for `leads.services.imports`.
"""
