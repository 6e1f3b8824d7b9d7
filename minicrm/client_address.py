"""From which address a request comes, through a proxy or straight."""

import ipaddress
import re

from django.conf import settings
from django.http import HttpRequest

# Some proxies name the port too: 203.0.113.7:50412, [2001:db8::7]:50412.
WITH_PORT = re.compile(r"(?P<four>[0-9.]+):[0-9]+|\[(?P<six>[^]]+)\](:[0-9]+)?")


def client_address(request: HttpRequest) -> str:
    """Return the caller's address; an empty text where nobody tells, as with a Unix socket.

    With `BEHIND_PROXY`, that is what our proxy has written at the end of `X-Forwarded-For`: all
    before that is what the caller claims. Without, the header is a claim as a whole.
    """
    if settings.BEHIND_PROXY:
        told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2]
        if address := _address(told):
            return address
    return _address(str(request.META.get("REMOTE_ADDR", "")))


def _address(text: str) -> str:
    """Return an address in its one spelling; an empty text for what is none."""
    text = text.strip()
    if match := WITH_PORT.fullmatch(text):
        text = match["four"] or match["six"]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
