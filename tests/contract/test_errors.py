"""Refusals speak with the catalogue's words."""

from __future__ import annotations

import pytest
from writ_contract.errors import ERRORS

from writ.contract.errors import FieldError, Refusal


def test_a_refusal_knows_what_the_catalogue_says() -> None:
    refusal = Refusal("SITE_NOT_FOUND")
    assert refusal.spec is ERRORS["SITE_NOT_FOUND"]
    assert refusal.spec.status == 404
    assert refusal.message == f"{refusal.spec.message} {refusal.spec.remedy}"
    assert (refusal.errors, refusal.details, refusal.headers) == ([], {}, {})
    assert str(refusal) == f"SITE_NOT_FOUND: {refusal.message}"


def test_its_own_words_come_first() -> None:
    refusal = Refusal("SITE_NOT_FOUND", "no site 7", details={"id": 7}, headers={"Retry-After": "1"})
    assert (refusal.message, refusal.details, refusal.headers) == (
        "no site 7",
        {"id": 7},
        {"Retry-After": "1"},
    )


def test_one_field_at_fault_becomes_the_list_of_errors() -> None:
    refusal = Refusal("SITE_SLUG_TAKEN", "blog is taken", field="/body/slug")
    assert [error.as_json() for error in refusal.errors] == [
        {"field": "/body/slug", "code": "SITE_SLUG_TAKEN", "message": "blog is taken"}
    ]


def test_a_list_of_errors_is_kept_as_given() -> None:
    errors = [FieldError("/body/a", "required", "is missing"), FieldError("/body/b", "type", "is no string")]
    assert Refusal("VALIDATION_ERROR", errors=errors, field="/body/a").errors == errors


def test_a_code_that_the_contract_does_not_name_cannot_be_raised() -> None:
    with pytest.raises(KeyError, match="NO_SUCH_CODE"):
        Refusal("NO_SUCH_CODE")


def test_a_refusal_does_not_share_its_parts_with_its_maker() -> None:
    details = {"a": 1}
    refusal = Refusal("SITE_NOT_FOUND", details=details)
    refusal.details["b"] = 2
    assert details == {"a": 1}
