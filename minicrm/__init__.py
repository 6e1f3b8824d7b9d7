"""The Mini-CRM project: settings, URLs, the JSON API's frame, and what both apps stand on."""

__version__ = "0.1.0"
