"""Hostile input: tables of requests, each with the answer it must get, and nothing stored.

case       one row of a table, and how it is sent
bodies     what is no JSON, or too much of it
numbers    whole numbers: what only looks like one, and the ranges of each
values     truth values, texts, choices, arrays, unknown members
texts      characters that no text may hold, texts with nothing to see, texts that are too long
headers    content types and encodings, keys, idempotency keys, hosts
addresses  methods, paths, queries, pagination
cookies    sessions, tokens, themes and languages that are none
wire       what only raw bytes can say, for a real gunicorn
forms      every form of the pages, with what is sent to each of its fields
"""
