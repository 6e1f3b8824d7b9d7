import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.identity import (
    BadKey,
    LeadKeys,
    normalise_email,
    normalise_external_id,
    normalise_keys,
    normalise_phone,
)


@pytest.mark.parametrize(
    "spelling",
    [
        "Straße-É",
        "STRASSE-É",
        "strasse-é",
        " straße-é ",
        "\tStraße-É\n",
        unicodedata.normalize("NFD", "Straße-É"),
        unicodedata.normalize("NFD", "strasse-é"),
        "\u00a0straße-é\u2003",
    ],
)
def test_spellings_of_one_id_are_one_id(spelling):
    assert normalise_external_id(spelling) == "strasse-é"


def test_cyrillic_ids_are_compared_without_case():
    assert normalise_external_id("Клиент-Ё") == normalise_external_id("КЛИЕНТ-ё") == "клиент-ё"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\u200bb", "invisible_character"),
        ("a\x00b", "invisible_character"),
        ("a\ud800b", "invisible_character"),
        ("a\u202eb", "invisible_character"),
        ("ß" * 200, "too_long"),  # 400 characters once folded to "ss"
    ],
)
def test_refuses_ids_that_nobody_could_tell_apart_or_store(text, code):
    with pytest.raises(BadKey) as refusal:
        normalise_external_id(text)
    assert (refusal.value.field, refusal.value.code) == ("external_id", code)


@given(st.text(min_size=1, max_size=60))
def test_normal_form_of_an_id_is_its_own_normal_form(text):
    try:
        once = normalise_external_id(text)
    except BadKey:
        return
    assert normalise_external_id(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lead@Example.COM", "lead@example.com"),
        ("  lead@example.com\n", "lead@example.com"),
        ("LEAD+tag@example.com", "lead+tag@example.com"),
    ],
)
def test_emails_are_compared_in_lower_case(text, expected):
    assert normalise_email(text) == expected


@pytest.mark.parametrize("text", ["lead", "lead@", "@example.com", "a b@example.com", "a@b@c"])
def test_refuses_malformed_emails(text):
    with pytest.raises(BadKey) as refusal:
        normalise_email(text)
    assert (refusal.value.field, refusal.value.code) == ("email", "invalid_email")


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("+44 20 7946 0123", "RU", "+442079460123"),
        ("020 7946 0123", "GB", "+442079460123"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("+1 202 555 0143 ext. 5", "US", "+12025550143"),
        ("tel:+442079460123", "RU", "+442079460123"),
    ],
)
def test_phones_are_kept_in_e164(text, region, expected):
    assert normalise_phone(text, region=region) == expected


@pytest.mark.parametrize(
    "text", ["abc", "12", "+", "+999999999999999999999", "+6211111111111111111", "call me"]
)
def test_refuses_what_is_no_phone_number(text):
    with pytest.raises(BadKey) as refusal:
        normalise_phone(text, region="RU")
    assert (refusal.value.field, refusal.value.code) == ("phone", "invalid_phone")


@pytest.mark.parametrize("blank", [None, "", "  ", "\u200b\ufeff", "\u00a0\n"])
def test_blank_texts_are_no_keys(blank):
    keys = normalise_keys(external_id=blank, email=blank, phone=blank, region="RU")
    assert keys == LeadKeys()
    assert keys.present() == {}


def test_present_keys_come_strongest_first():
    keys = normalise_keys(
        external_id="A1", email="a@example.com", phone="+442079460123", region="RU"
    )
    assert list(keys.present().items()) == [
        ("external_id", "a1"),
        ("email", "a@example.com"),
        ("phone", "+442079460123"),
    ]
