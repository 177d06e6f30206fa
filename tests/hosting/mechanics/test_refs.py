from __future__ import annotations

import subprocess
from ipaddress import ip_network
from pathlib import Path

import pytest

from writ.contract.errors import Refusal
from writ.hosting.sources.refs import check_ref, check_repository_url, parse_git, parse_upload

COMMIT = "0123456789abcdef0123456789abcdef01234567"

GOOD = {
    "https://git.example.com/a/site.git#main": ("https", "https://git.example.com/a/site.git", "main", 443),
    "https://git.example.com:8443/site#v1.0": ("https", "https://git.example.com:8443/site", "v1.0", 8443),
    "https://git.example.com/site#feature/#12": ("https", "https://git.example.com/site", "feature/#12", 443),
    f"ssh://git@git.example.com:2222/site.git#{COMMIT}": (
        "ssh", "ssh://git@git.example.com:2222/site.git", COMMIT, 2222,
    ),
    "git@git.example.com:a/site.git#main": ("ssh", "ssh://git@git.example.com/~/a/site.git", "main", 22),
    "git@git.example.com:/srv/site.git#main": ("ssh", "ssh://git@git.example.com/srv/site.git", "main", 22),
    "https://8.8.8.8/site#refs/pull/1/head": ("https", "https://8.8.8.8/site", "refs/pull/1/head", 443),
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_good_sources(text: str) -> None:
    source = parse_git(text)
    assert (source.scheme, source.location, source.ref, source.port) == GOOD[text]


INVALID = [
    "main",
    "https://git.example.com/site.git",
    "git@git.example.com:site.git",
    "https://git.example.com/site#",
    "https:///site#main",
    "https://git.example.com#main",
    "https://git.example.com/#main",
    "-u#main",
    "--upload-pack=touch${IFS}x#main",
    "https://git.example.com/site#--upload-pack=x",
    "https://git.example.com/site#-b",
    "https://git.example.com/site#a..b",
    "https://git.example.com/site#a:b",
    "https://git.example.com/site#+a:b",
    "https://git.example.com/site#a~1",
    "https://git.example.com/site#a^{tree}",
    "https://git.example.com/site#a@{1}",
    "https://git.example.com/site#a*",
    "https://git.example.com/site#a.lock",
    "https://git.example.com/site#/a",
    "https://git.example.com/site#a//b",
    "https://git.example.com/site#@",
    "ssh://-oProxyCommand=x/site#main",
    "ssh://-x@git.example.com/site#main",
    "-oProxyCommand=x:site#main",
    "git@-oProxyCommand=x:site#main",
    "ssh://git:pw@git.example.com/site#main",
    "git@git.example.com:--upload-pack#main",
    "https://git.example.com:0/site#main",
    "https://git.example.com:x/site#main",
    "https://git.example.com/site?x=y#main",
    "https://134744072/site#main",
    "https://exa%6dple.com/site#main",
    "https://git.exаmple.com/site#main",
    "file://host/site#main",
    "file:site#main",
    "https:git.example.com/site#main",
]


@pytest.mark.parametrize(
    "text", [*INVALID, "", "https://git.example.com/a b#main", "https://git.example.com/a\n#main", "x" * 3000]
)
def test_what_cannot_be_a_source_is_invalid(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_git(text, trusted_paths=[Path("/srv")])
    assert refused.value.code == "SOURCE_REF_INVALID"


NOT_ALLOWED = [
    "ext::sh${IFS}-c#main",
    "ext::https://git.example.com/site#main",
    "fd::17#main",
    "foo::bar#main",
    "http://git.example.com/site#main",
    "git://git.example.com/site#main",
    "ftp://git.example.com/site#main",
    "file:///etc#main",
    "file:/etc#main",
    "FILE:/etc#main",
    "http:/git.example.com/site#main",
    "/etc#main",
    "./site#main",
    "../site#main",
    "~/site#main",
    "https://127.0.0.1/site#main",
    "https://localhost/site#main",
    "https://[::1]/site#main",
    "https://0x7f.1/site#main",
    "https://2130706433/site#main",
    "https://0177.0.0.1/site#main",
    "https://10.0.0.1/site#main",
    "ssh://git@192.168.1.1/site#main",
    "git@127.0.0.1:site#main",
    "git@[::1]:site#main",
    "https://169.254.169.254/site#main",
    "https://[::ffff:10.0.0.1]/site#main",
]


@pytest.mark.parametrize("text", NOT_ALLOWED)
def test_what_is_not_allowed_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_git(text)
    assert refused.value.code == "SOURCE_NOT_ALLOWED"


def test_trusted_networks_open_private_hosts() -> None:
    assert (
        parse_git("https://127.0.0.1/site#main", trusted_networks=[ip_network("127.0.0.0/8")]).host
        == "127.0.0.1"
    )


def test_folders_are_taken_below_trusted_paths_only(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in" / "site", tmp_path / "out"
    inside.mkdir(parents=True)
    outside.mkdir()
    (tmp_path / "in" / "link").symlink_to(outside)
    trusted = [tmp_path / "in"]
    assert parse_git(f"file://{inside}#main", trusted_paths=trusted).location == str(inside)
    for path in (
        outside,
        tmp_path / "in" / "link",
        f"{tmp_path}/in/../out",
        f"{tmp_path}/in/%2e%2e/out",
        tmp_path / "inside",
    ):
        with pytest.raises(Refusal, match="SOURCE_NOT_ALLOWED"):
            parse_git(f"file://{path}#main", trusted_paths=trusted)


def test_a_ref_alone_goes_with_the_sites_repository() -> None:
    source = parse_git("release/2", repository_url="https://git.example.com/site.git")
    assert parse_git("#release/2", repository_url="https://git.example.com/site.git") == source
    assert source.shown == "https://git.example.com/site.git#release/2"
    check_repository_url("https://git.example.com/site.git")
    with pytest.raises(Refusal, match="SOURCE_NOT_ALLOWED"):
        check_repository_url("https://127.0.0.1/site.git")


def test_credentials_are_kept_apart_and_never_shown() -> None:
    source = parse_git("https://me:s3cret@git.example.com/site.git#main")
    assert source.userinfo == "me:s3cret"
    assert "s3cret" not in source.shown + source.location + repr(source) + str(source)
    with pytest.raises(Refusal) as refused:
        parse_git("https://me:s3cret@127.0.0.1/site.git#main")
    assert "s3cret" not in refused.value.message


REFS = [
    "main",
    "feature/a",
    "v1.0",
    "a.b",
    "a-b",
    "a_b",
    "a+b",
    "a@b",
    "@a",
    "a/@",
    "#x",
    "é",
    "0",
    "HEAD",
    "refs/heads/x",
    "a.lockb",
    "lock",
    ".a",
    "a.",
    "a..b",
    "a/.b",
    "a.lock",
    "a.lock/b",
    "a//b",
    "/a",
    "a/",
    "a~b",
    "a^b",
    "a:b",
    "a?b",
    "a*b",
    "a[b",
    "a\\b",
    "@",
    "a@{b",
    "-a",
    "a/-b",
    "{a}",
    "a{b",
    "a}b",
    "!a",
    "a$b",
    "a;b",
    "a'b",
]


@pytest.mark.parametrize("ref", [*REFS, "", "a b", "a\tb", "a\x7fb", "a\nb"])
def test_refs_are_judged_as_git_judges_them(ref: str) -> None:
    git = subprocess.run(["git", "check-ref-format", "--allow-onelevel", ref]).returncode == 0
    try:
        check_ref(ref)
    except Refusal:
        ours = False
    else:
        ours = True
    # Stricter than git in one thing: what begins with a dash could be read as an option.
    assert ours == (git and not ref.startswith("-"))


def test_uploads() -> None:
    text = "0193a000-0000-7000-8000-000000000009"
    assert str(parse_upload(f"upload:{text}")) == str(parse_upload(text)) == text
    for bad in (
        "",
        "upload:",
        "upload:x",
        f"upload:{{{text}}}",
        f"upload:{text.replace('-', '')}",
        f"upload: {text}",
        f"{text}/..",
    ):
        with pytest.raises(Refusal, match=r"SOURCE_REF_INVALID: .* is its id: the upload_id"):
            parse_upload(bad)
