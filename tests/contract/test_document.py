"""Contract files are read as plain JSON values, and doubtful ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from writ.contract.document import ContractError, load, load_mapping, pointer


def _file(tmp_path: Path, text: str, name: str = "a.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
        ("no", "no"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("12", 12),
        ("-1.5", -1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("'{{ value }}'", "{{ value }}"),
    ],
)
def test_a_scalar_is_what_a_reader_takes_it_for(tmp_path: Path, written: str, read: object) -> None:
    found = load(_file(tmp_path, f"key: {written}\n"))["key"]
    assert found == read
    assert type(found) is type(read)


def test_keys_are_words(tmp_path: Path) -> None:
    assert load(_file(tmp_path, "200: a\nnull: b\n")) == {"200": "a", "null": "b"}


def test_a_duplicate_key_is_refused_with_its_line(tmp_path: Path) -> None:
    path = _file(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\n")
    with pytest.raises(ContractError, match=r"a\.yaml:4: the key 'c' is there twice"):
        load(path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "a: &x {b: 1}\nc:\n  <<: *x\n", r"a\.yaml:3: merge keys"),
        ("a.yaml", "? [a]\n: 1\n", r"a\.yaml:1: a key must be a word"),
        ("a.yaml", "a: [1\n", r"a\.yaml: not YAML"),
        ("a.yaml", "a: !!python/object:os.system {}\n", r"a\.yaml: not YAML"),
        ("a.json", '{"a": 1, "a": 2}', r"a\.json: the key 'a' is there twice"),
        ("a.json", '{"a": NaN}', "NaN is not JSON"),
        ("a.json", '{"a":\n 1,}', r"a\.json:2: not JSON"),
        ("a.yaml", "- 1\n", "expected a mapping"),
    ],
)
def test_a_doubtful_file_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = _file(tmp_path, text, name)
    with pytest.raises(ContractError, match=said):
        load_mapping(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"none\.yaml: cannot be read"):
        load(tmp_path / "none.yaml")


def test_a_pointer_finds_escaped_names_and_says_what_is_missing() -> None:
    data = {"paths": {"/a/~b": [1, 2]}}
    assert pointer(data, "/paths/~1a~1~0b/1", place="here") == 2
    with pytest.raises(ContractError, match=r"here: nothing is at #/paths/c \('c' is missing\)"):
        pointer(data, "/paths/c", place="here")
