"""What people look for, kept out of addresses: it may be an e-mail, a phone or a name.

An address is written into the browser's history, into logs of proxies, and into links that are
passed on. So a search is posted, its text is kept in the user's session, and the address has a
random token that stands for it. In the session the text is sealed with that token, which the
session does not hold: whoever reads one without the other, in a log or in a backup, learns nothing.
A plain number is nobody's data, and stays in the address as it is.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponseRedirect, QueryDict

TYPED, TOKEN = "q", "search"  # what addresses call a number, and the token of a kept text
KEPT = 50  # searches of a session, the latest; whoever types slowly makes some on the way
SESSION_KEY = "searches"
LONGEST = 1_000  # characters kept: more than any form lets through, so it can say what is wrong
# Shorter than any phone number, and than the ids that most other systems give to people.
PLAIN_NUMBER = re.compile(r"#[0-9]{1,18}|[0-9]{1,6}")
PLACES = ("before", "after")  # on which page of a list one is; another search begins at the first


class Search(NamedTuple):
    """What an address looks for; `is_lost` if its token is not known here, or not any more."""

    text: str
    is_lost: bool = False

    def data(self, query: QueryDict) -> QueryDict:
        """Return the values of a form: those of the address, with the text itself."""
        values = query.copy()
        values[TYPED] = self.text
        return values


def search_of(request: HttpRequest) -> Search:
    """Return what the address of this request looks for."""
    if token := request.GET.get(TOKEN):
        text = kept_search(request.session, token)
        return Search(text or "", is_lost=text is None)
    return Search(request.GET.get(TYPED, ""))


def address_of_search(
    request: HttpRequest, text: str, others: Mapping[str, str]
) -> HttpResponseRedirect:
    """Redirect to the page's address for this text, and for the values of the `others`."""
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in others.items() if value})
    if PLAIN_NUMBER.fullmatch(text.strip()):
        query[TYPED] = text.strip()
    elif text.strip():
        query[TOKEN] = _token_of(request, text)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}" if query else request.path)


def without_typed_text(request: HttpRequest) -> HttpResponseRedirect | None:
    """Redirect from an address that somebody has typed a text into; None where there is none."""
    text = request.GET.get(TYPED, "")
    if not text.strip() or PLAIN_NUMBER.fullmatch(text.strip()):
        return None
    left_out = (TYPED, TOKEN, *PLACES)
    others = {name: value for name, value in request.GET.dict().items() if name not in left_out}
    return address_of_search(request, text, others)


def _token_of(request: HttpRequest, text: str) -> str:
    """Return the token that the form was shown with if it stands for this text, else a new one."""
    shown = request.POST.get(TOKEN, "")
    known = shown and kept_search(request.session, shown) == text
    return shown if known else keep_search(request.session, text)


def keep_search(session: SessionBase, text: str) -> str:
    """Keep a text in the session, in place of the oldest if there are many; return its token."""
    token = secrets.token_urlsafe(16)
    kept = {**session.get(SESSION_KEY, {}), _name(token): _seal(text[:LONGEST], token)}
    session[SESSION_KEY] = dict(list(kept.items())[-KEPT:])
    return token


def kept_search(session: SessionBase, token: str) -> str | None:
    """Return the text that a token stands for, or None if this session does not know it."""
    sealed = session.get(SESSION_KEY, {}).get(_name(token))
    return None if sealed is None else _unseal(sealed, token)


def _name(token: str) -> str:
    """Return under which name the session keeps a text: one that does not tell the token."""
    return hashlib.sha256(b"name:" + token.encode(errors="replace")).hexdigest()[:16]


def _seal(text: str, token: str) -> str:
    return base64.b64encode(_crossed(text.encode(errors="replace"), token)).decode()


def _unseal(sealed: str, token: str) -> str:
    return _crossed(base64.b64decode(sealed), token).decode()


def _crossed(data: bytes, token: str) -> bytes:
    """Return the bytes crossed with as many that only the token, used for one text, leads to."""
    stream = hashlib.shake_256(b"text:" + token.encode(errors="replace")).digest(len(data))
    return bytes(one ^ other for one, other in zip(data, stream, strict=True))
