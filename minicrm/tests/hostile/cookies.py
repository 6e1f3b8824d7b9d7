"""Cookies, in which anybody may send anything: in quotes even what no header may hold."""

NAMES = ["sessionid", "csrftoken", "theme", "django_language", "messages"]
# Between quotes, a backslash and three digits are one character; that of 000 is NUL.
VALUES = [
    '"abcdefgh\\000x"', '"abcdefghijklmnopqrstuvwxyz01234\\000"', '"\\000"', '"abcdefgh\\377x"',
    '"abcdefgh\\012x"', '"\\355\\240\\200abcdefgh"', "a" * 31, "a" * 33, "A" * 32, "a" * 4_000,
    "\u0661" * 32, "", '"', "\\", "../../etc/passwd", "' OR 1=1 --", "[]", "null", "%00abcdefgh",
]  # fmt: skip
