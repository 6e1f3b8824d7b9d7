"""Charsets that a request may claim; they fail, if at all, before anything of Django's runs."""

import json

import pytest

from distribution.tests.factories import make_key
from leads.tests.factories import LeadFactory
from minicrm.tests.server import running_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.slow_on_postgresql,
]

CHARSETS = ["hex", "base64", "undefined", "idna", "utf-16", "none-such"]
FIND = "/api/v1/leads/?external_id=%D0%BA%D0%BB%D0%B8%D0%B5%D0%BD%D1%82"


def test_the_charset_of_a_request_does_not_decide_how_its_address_is_read():
    lead, key = LeadFactory(external_id="клиент"), make_key()
    with running_server(workers=1) as server:
        client = server.connect()
        for charset in CHARSETS:
            headers = {
                "Authorization": f"Bearer {key}",
                "Content-Type": f"application/json; charset={charset}",
            }
            client.request("GET", FIND, headers=headers)
            response = client.getresponse()
            assert (response.status, json.load(response)[0]["id"]) == (200, lead.pk), charset
            client.request("GET", "/accounts/login/?next=%2F", headers=headers)
            response = client.getresponse()
            assert (response.status, b"<form" in response.read()) == (200, True), charset
        client.close()
