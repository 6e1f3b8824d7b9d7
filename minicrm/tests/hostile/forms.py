"""Every form of the pages, as a browser finds it, and what is sent in its fields."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

from django.urls import resolve

VALUES = [
    b"", b" ", b"\0", b"a\0b", b"a\r\nX-Injected: 1", b"\x1b[31mred", b"\x7f", b"\xff\xfe",
    b"\xc0\x80", b"\xed\xa0\x80", "\u202egnp.exe".encode(), "\u2066x".encode(),
    "\u200b".encode(), "\u3164".encode(), "\u2800".encode(), "\u0661".encode(), b"-1", b"0", b"1.9",
    b"1e2", b"1_0", b"+1", b"0x1", b"NaN", b"Infinity", b"true", b"null", b"[]", b"{}", b"1,2,x",
    str(2**31).encode(), str(2**63).encode(), str(2**64).encode(), b"9" * 6_000,
    b"a" * 20_000, "\u0958".encode() * 120, b"//elsewhere.example/", b"https://elsewhere.example",
    b"javascript:alert(1)", b"/\\elsewhere.example", b"<script>alert(1)</script>",
    b"' OR 1=1 --", b"%00", b"{{ 7 }}{% now 'Y' %}", b"2030-02-30", b"0001-01-01", b"9999-12-31",
]  # fmt: skip
# Ends the session, with which the others are looked at.
LEFT_OUT = {"logout"}


@dataclass
class Form:
    """A form: where it goes, how, and its fields with their values."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def view(self):
        """The name of the view that takes it."""
        return resolve(urlsplit(self.action).path).view_name

    def key(self):
        """Return what makes it another form than others."""
        return self.method, self.view, frozenset(self.fields)

    def with_value(self, name, value):
        """Return the form's fields as a browser sends them, with this value in one of them."""
        return urlencode({key: value if key == name else text for key, text in self.fields.items()})


class Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self, path):
        super().__init__()
        self._path, self._form, self._select = path, None, None
        self.found, self._outside = {}, []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        name = attrs.get("name")
        if tag == "form":
            action = attrs.get("action") or self._path
            self._form = Form(action, attrs.get("method", "get").upper())
            self.found[attrs.get("id") or len(self.found)] = self._form
        elif tag == "option" and self._select:
            fields, select = self._select
            if "selected" in attrs or not fields[select]:
                fields[select] = attrs.get("value") or ""
        elif name and tag in ("input", "select", "textarea", "button"):
            self._add(tag, name, attrs)

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None

    def _add(self, tag, name, attrs):
        form = self.found.get(attrs.get("form"), self._form)
        if form is None:
            self._outside.append((tag, name, attrs))
            return
        form.fields.setdefault(name, attrs.get("value") or "")
        if tag == "select":
            self._select = form.fields, name

    def close(self):
        """End, and give the fields that stood before their form to it."""
        super().close()
        for tag, name, attrs in self._outside:
            if attrs.get("form") in self.found:
                self._add(tag, name, attrs)


def forms_of(path, html):
    """Return the forms of a page, without those that lead elsewhere or are left out."""
    parser = Forms(path)
    parser.feed(html)
    parser.close()
    return [form for form in parser.found.values() if form.view not in LEFT_OUT]
