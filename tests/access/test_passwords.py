from __future__ import annotations

import unicodedata

import pytest

from writ.access import passwords
from writ.contract.errors import Refusal


def test_composed_and_decomposed_characters_are_one_password() -> None:
    password_hash = passwords.hash_password(unicodedata.normalize("NFC", "Zoë’s café"))
    assert passwords.verify_password(password_hash, unicodedata.normalize("NFD", "Zoë’s café"))
    assert not passwords.verify_password(password_hash, "Zoe’s cafe")
    assert password_hash.startswith("$argon2id$")


@pytest.mark.parametrize("password", ["", "x" * (passwords.PASSWORD_MAX_CHARACTERS + 1), "pass\nword"])
def test_a_password_that_no_login_can_send_is_not_hashed(password: str) -> None:
    with pytest.raises(ValueError, match="a password has"):
        passwords.hash_password(password)


def test_a_password_that_begins_like_the_right_one_but_is_too_long_is_wrong() -> None:
    longest = "x" * passwords.PASSWORD_MAX_CHARACTERS
    password_hash = passwords.hash_password(longest)
    assert passwords.verify_password(password_hash, longest)
    assert not passwords.verify_password(password_hash, longest + "x")


def test_a_broken_hash_matches_nothing() -> None:
    assert not passwords.verify_password("not a hash", "password")


def test_only_so_many_are_verified_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 0.01)
    for _ in range(passwords._HASHES_AT_ONCE):
        assert passwords._slots.acquire(blocking=False)
    try:
        with pytest.raises(Refusal) as refusal:
            passwords.verify_password(None, "password")
    finally:
        passwords._slots.release(passwords._HASHES_AT_ONCE)
    assert refusal.value.code == "RATE_LIMITED"
    assert refusal.value.headers == {"Retry-After": "1"}
    assert not passwords.verify_password(None, "password")


@pytest.mark.parametrize("email", [" Ada@Example.COM ", "ada@example.com", "ａda@example.com"])
def test_emails_have_one_form(email: str) -> None:
    assert passwords.normalise_email(email) == "ada@example.com"
