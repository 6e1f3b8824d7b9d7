"""Running Mini-CRM in production, and the same topology as plain processes on one machine."""
