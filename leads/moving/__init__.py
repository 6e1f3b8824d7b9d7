"""Moves of contacts made by people: their words, and many at once, part by part."""
