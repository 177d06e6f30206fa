"""What is sealed opens where it belongs, and nowhere else."""

from __future__ import annotations

import pytest

from writ.store.secrets import SealBroken, Sealer

PLACE = "webhook_secret:1"


def test_what_is_sealed_opens_again() -> None:
    sealer = Sealer(b"k" * 32)
    assert sealer.open(sealer.seal(b"\x00value", PLACE), PLACE) == b"\x00value"
    assert sealer.open_text(sealer.seal_text("väl", PLACE), PLACE) == "väl"


def test_the_same_value_is_never_sealed_alike() -> None:
    sealer = Sealer(b"k" * 32)
    assert sealer.seal(b"value", PLACE) != sealer.seal(b"value", PLACE)


@pytest.mark.parametrize("text", ["", "short", "!!!", "A" * 80])
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(SealBroken, match="webhook_secret:1"):
        Sealer(b"k" * 32).open_text(text, PLACE)


def test_another_place_another_key_and_a_changed_byte_are_refused() -> None:
    sealer = Sealer(b"k" * 32)
    sealed = sealer.seal(b"value", PLACE)
    for other, value, place in (
        (sealer, sealed, "webhook_secret:2"),
        (Sealer(b"j" * 32), sealed, PLACE),
        (sealer, sealed[:-1] + bytes([sealed[-1] ^ 1]), PLACE),
    ):
        with pytest.raises(SealBroken):
            other.open(value, place)
