"""The pages about keys, users, and who changed what."""
