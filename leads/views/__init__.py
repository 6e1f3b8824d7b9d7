"""The pages about contacts and leads, and those that show them beside operators and sources."""
