"""Creating and editing operators."""

import pytest
from django.urls import reverse

from distribution.models import AuditEvent, Operator
from distribution.services import update_operator
from distribution.tests.factories import OperatorFactory
from leads.tests.factories import AssignedContactFactory
from leads.tests.operator_pages import HTMX, LIST, filled_in, text_of, url_of
from minicrm.tests.pages import said

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

NEW = reverse("leads:create_operator")
FORM = {"name": "Demo new", "max_load": "7", "is_active": "on"}
DIALOG = HTMX | {"HX-Target": "div#dialog-body"}


def edit(client, operator, form, **changes):
    """Post the edit form with these fields changed; None takes one out."""
    data = {name: value for name, value in (form | changes).items() if value is not None}
    return client.post(url_of(operator, "edit_operator"), data)


def opened(client, operator):
    address = url_of(operator, "edit_operator")
    return filled_in(client.get(address), address)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_creates_an_operator(supervisor, headers):
    response = supervisor.post(NEW, FORM | {"name": "  Demo e\u0301 "}, headers=headers)

    operator = Operator.objects.get()
    assert (operator.name, operator.max_load, operator.is_active) == ("Demo \u00e9", 7, True)
    assert response.url == url_of(operator)
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("created", f"user:{supervisor.user.pk}")


def test_creates_an_operator_who_is_off(supervisor):
    supervisor.post(NEW, {"name": "Demo", "max_load": "0"})

    operator = Operator.objects.get()
    assert (operator.is_active, operator.max_load) == (False, 0)


def test_shows_the_form_again_with_what_was_typed(supervisor):
    names = ("", " \u200b ", "Demo \u202e", "Demo \0", "x" * 121)
    wrong = [("name", name) for name in names]
    wrong += [("max_load", limit) for limit in ("-1", "2147483648", "", "1_0")]

    for field, typed in wrong:
        response = supervisor.post(NEW, FORM | {field: typed})

        assert response.status_code == 422
        assert response.context["form"].errors.keys() == {field}
        assert f'id="operator_{field}_error"' in response.content.decode()
        assert response.context["form"][field].value() == typed
    assert not Operator.objects.exists()


def test_a_dialog_gets_the_form_alone_and_leads_back_to_the_page_around(supervisor):
    shown = supervisor.get(
        NEW, headers=DIALOG | {"HX-Current-URL": f"http://testserver{LIST}?state=on"}
    )

    html = shown.content.decode()
    assert "<html" not in html
    assert "<h1>" in html
    assert filled_in(shown, NEW)["next"] == f"{LIST}?state=on"


def test_changes_what_was_changed_and_nothing_else(supervisor):
    operator = OperatorFactory(name="Demo A", max_load=5)
    form = opened(supervisor, operator)
    update_operator(operator.pk, actor="test", is_active=False, max_load=3)

    response = edit(supervisor, operator, form, name="Demo B")

    operator.refresh_from_db()
    assert (operator.name, operator.is_active, operator.max_load) == ("Demo B", False, 3)
    assert response.url == url_of(operator)
    assert said(response) == ["Demo B is changed."]


def test_refuses_to_overwrite_what_a_colleague_has_changed_and_shows_both(supervisor):
    operator = OperatorFactory(name="Demo A", max_load=5)
    form = opened(supervisor, operator)
    update_operator(operator.pk, actor="test", name="Demo B", max_load=9)

    refused = edit(supervisor, operator, form, name="Demo C")

    operator.refresh_from_db()
    assert refused.status_code == 409
    assert (operator.name, operator.max_load) == ("Demo B", 9)
    assert "Somebody set this to “Demo B” meanwhile." in text_of(refused)
    again = filled_in(refused, url_of(operator, "edit_operator"))
    assert (again["name"], again["max_load"]) == ("Demo C", "9")

    edit(supervisor, operator, again)
    operator.refresh_from_db()
    assert (operator.name, operator.max_load) == ("Demo C", 9)


def test_two_who_change_it_to_the_same_agree(supervisor):
    operator = OperatorFactory(max_load=5)
    form = opened(supervisor, operator)
    update_operator(operator.pk, actor="test", max_load=6)

    assert edit(supervisor, operator, form, max_load="6").url == url_of(operator)


def test_a_form_that_is_shown_again_still_knows_what_it_showed_first(supervisor):
    operator = OperatorFactory(name="Demo A", max_load=5)
    form = opened(supervisor, operator)
    update_operator(operator.pk, actor="test", is_active=False)

    wrong = edit(supervisor, operator, form, max_load="-1")
    assert wrong.status_code == 422
    form = filled_in(wrong, url_of(operator, "edit_operator"))
    edit(supervisor, operator, form, max_load="6")

    operator.refresh_from_db()
    assert (operator.max_load, operator.is_active) == (6, False)


def test_the_switch_in_the_form_asks_where_there_are_open_contacts(supervisor):
    operator = AssignedContactFactory().operator
    form = opened(supervisor, operator)

    response = edit(supervisor, operator, form, is_active=None, name="Demo B")

    operator.refresh_from_db()
    assert response.url == url_of(operator, "switch_operator")
    assert (operator.is_active, operator.name) == (True, "Demo B")


def test_the_switch_in_the_form_switches_where_there_are_none(supervisor):
    operator = OperatorFactory()

    edit(supervisor, operator, opened(supervisor, operator), is_active=None)

    operator.refresh_from_db()
    assert not operator.is_active


def test_saving_what_is_there_already_changes_nothing(supervisor):
    operator = OperatorFactory()

    response = edit(supervisor, operator, opened(supervisor, operator))

    assert said(response) == ["Nothing was changed."]
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("view", ["create_operator", "edit_operator"])
def test_only_supervisors_see_the_forms_and_send_them(viewer, client, view):
    operator = OperatorFactory(name="Demo")
    address = NEW if view == "create_operator" else url_of(operator, view)

    assert viewer.get(address).status_code == viewer.post(address, FORM).status_code == 403
    assert client.post(address, FORM).url == f"{reverse('login')}?next={address}"
    assert viewer.put(address)["Allow"] == "GET, HEAD, POST"
    assert list(Operator.objects.values_list("name", flat=True)) == ["Demo"]


def test_there_is_nothing_to_edit_of_nobody(supervisor):
    for number in (1, 2**63, 10**30):
        address = reverse("leads:edit_operator", args=[number])
        assert supervisor.get(address).status_code == 404
        assert supervisor.post(address, FORM).status_code == 404
