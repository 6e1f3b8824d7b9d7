"""What all pages share: the frame, the way back, toasts with undo, the theme, the headers."""

import gzip
import json

import pytest
from django.contrib.messages import SUCCESS
from django.http import HttpResponse, QueryDict
from django.template import engines
from django.test import RequestFactory
from django.urls import include, path, reverse

from minicrm.pages import changed_query, go_back, show, toast

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

PAGE = (
    "{% extends page_base %}{% block title %}A page{% endblock %}"
    "{% block content %}<h1>Here</h1>{{ here }}{% endblock %}"
)


def page(request):
    template = engines["django"].from_string(PAGE)
    return HttpResponse(template.render({}, request))


def act(request):
    toast(request, "Done <b>it</b>", level=SUCCESS, undo=("/undo/", {"is_active": 1}))
    return go_back(request, "page")


urlpatterns = [
    path("page/", page, name="page"),
    path("act/", act, name="act"),
    path("", include("minicrm.urls")),
]


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = "minicrm.tests.test_pages"


def get(client, **headers):
    return client.get("/page/?q=1", headers=headers).content.decode()


def test_a_browser_gets_the_frame_and_htmx_the_content(viewer):
    whole = get(viewer)
    part = get(viewer, HX_Request="true", HX_Target="main#content")

    assert "<html" in whole
    assert '<main id="content"' in whole
    assert "<html" not in part
    assert "<title>" in part
    assert "<h1>Here</h1>" in whole
    assert "<h1>Here</h1>" in part


def test_going_back_brings_the_whole_frame(viewer):
    whole = get(viewer, HX_Request="true", HX_History_Restore_Request="true")

    assert '<main id="content"' in whole


def test_a_dialog_gets_neither_title_nor_toasts(viewer):
    viewer.post("/act/", {"next": "/page/"})
    inside = get(viewer, HX_Request="true", HX_Target="div#dialog-body")

    assert "<title>" not in inside
    assert "Done" not in inside
    assert "Done" in get(viewer)


def test_a_toast_is_shown_once_with_its_undo_form(viewer):
    viewer.post("/act/", {"next": "/page/?q=1"})
    shown = get(viewer, HX_Request="true")

    assert 'hx-partial hx-target="#toasts"' in shown
    assert "Done &lt;b&gt;it&lt;/b&gt;" in shown
    assert 'action="/undo/"' in shown
    assert '<input type="hidden" name="is_active" value="1">' in shown
    assert "Done" not in get(viewer)


def test_a_poll_leaves_toasts_to_the_answer_of_what_they_tell_of(viewer):
    viewer.post("/act/", {"next": "/page/"})
    polled = viewer.get("/page/?seen=1", headers={"HX-Request": "true"}).content.decode()

    assert "Done" not in polled
    assert "Done" in get(viewer, HX_Request="true")


@pytest.mark.parametrize("address", ["http://[", "//[::1", "\\", "http://testserver:x/"])
def test_an_address_that_is_none_is_no_matter(viewer, address):
    headers = {"HX-Request": "true", "HX-Current-URL": address}

    assert viewer.get("/page/", headers=headers).status_code == 200


def test_htmx_tells_which_page_is_around(viewer):
    inside = get(viewer, HX_Request="true", HX_Current_URL="http://testserver/operators/?sort=name")

    assert "/operators/?sort=name" in inside


@pytest.mark.parametrize(
    "wanted",
    [
        "https://example.com/",
        "//example.com/",
        "/\\example.com/",
        "javascript:alert(1)",
        "page/",
        "",
        "http:///example.com",
    ],
)
def test_never_leads_back_to_another_site(viewer, wanted):
    assert viewer.post("/act/", {"next": wanted}).url == "/page/"


def test_leads_back_to_where_the_form_was(viewer):
    assert viewer.post("/act/", {"next": "/page/?q=2"}).url == "/page/?q=2"


def test_the_theme_is_kept_in_a_cookie(viewer):
    response = viewer.post(reverse("set_theme"), {"theme": "dark", "next": "/page/"})

    assert response.url == "/page/"
    assert 'data-bs-theme="dark"' in get(viewer)


@pytest.mark.parametrize("theme", ["system", "red", '"><script>'])
def test_no_theme_but_light_and_dark_is_written_into_the_page(viewer, theme):
    viewer.post(reverse("set_theme"), {"theme": theme})

    assert "data-bs-theme" not in get(viewer)


def test_the_theme_changes_by_post_alone(viewer):
    assert viewer.get(reverse("set_theme")).status_code == 405


def test_changes_a_query_string():
    query = QueryDict("q=a&page=3&q=b")

    assert changed_query(query, page=None) == "?q=a&q=b"
    assert changed_query(query, q="ü&") == "?q=%C3%BC%26&page=3"
    assert changed_query(QueryDict("page=1"), page=None) == "?"


@pytest.mark.parametrize("name", ["page", "login", "admin:login"])
def test_every_page_forbids_inline_code(viewer, name):
    policy = viewer.get(reverse(name))["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_pages_are_compressed_and_api_answers_are_not(viewer):
    packed = viewer.get("/page/", headers={"Accept-Encoding": "gzip"})
    answer = viewer.get("/api/v1/openapi.json", headers={"Accept-Encoding": "gzip"})

    assert b"<h1>Here</h1>" in gzip.decompress(packed.content)
    assert len(answer.content) > 10_000
    assert json.loads(answer.content)


def test_answers_are_neither_mixed_up_nor_kept(rf: RequestFactory):
    request = rf.get("/page/")
    response = show(request, "400.html")

    assert {"HX-Request", "HX-Target"} <= set(response["Vary"].split(", "))
    assert response["Cache-Control"] == "no-store"
