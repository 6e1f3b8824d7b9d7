"""The list of pages that the checks of all pages go by is complete."""

import pytest
from django.urls import NoReverseMatch, reverse

from minicrm.tests.every_page import ACTIONS, DOWNLOADS, PAGES, names_of_all_views


def test_knows_every_view_with_an_address():
    pages = {page.view for page in PAGES}

    assert pages | ACTIONS | DOWNLOADS == names_of_all_views()
    assert not pages & (ACTIONS | DOWNLOADS)


# Django's own view for the language sends whoever only looks back to where they were.
@pytest.mark.parametrize("view", sorted(ACTIONS - {"set_language"}))
def test_what_is_called_an_action_has_no_page(administrator, view):
    try:
        address = reverse(view)
    except NoReverseMatch:
        address = reverse(view, args=[1])

    assert administrator.get(address).status_code == 405
