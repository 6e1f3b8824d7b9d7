"""Charsets that a request may claim, through the application as gunicorn calls it."""

import io

import pytest
from django.test import RequestFactory

from distribution.tests.factories import make_key
from leads.tests.factories import LeadFactory
from minicrm.wsgi import application

pytestmark = pytest.mark.django_db


def status_of(path, charset, **headers):
    environ = RequestFactory().get(path, **headers).environ
    environ |= {"CONTENT_TYPE": f"text/html; charset={charset}", "wsgi.input": io.BytesIO()}
    answers = []
    body = application(environ, lambda status, *_: answers.append(int(status[:3])))
    return answers[0], b"".join(body)


@pytest.mark.parametrize("charset", ["hex", "base64", "undefined", "idna", "utf-16", "none-such"])
def test_the_charset_of_a_request_does_not_decide_how_its_address_is_read(charset):
    LeadFactory(external_id="клиент")
    key = {"HTTP_AUTHORIZATION": f"Bearer {make_key()}"}
    path = "/api/v1/leads/?external_id=%D0%BA%D0%BB%D0%B8%D0%B5%D0%BD%D1%82"
    status, body = status_of(path, charset, **key)
    assert (status, body.count(b'"id"')) == (200, 1)
    assert status_of("/accounts/login/?next=%2F", charset)[0] == 200
