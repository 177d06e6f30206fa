"""Where code and content come from: what an order may name, judged before anything is fetched."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from uuid import UUID

from writ.contract.errors import Refusal
from writ.hosting.sources import refs
from writ.hosting.sources.refs import GitSource
from writ.outgoing.guard import parse_url
from writ.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


def refuse_at(field: str, parse: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Parse, and say of a refusal which field of the request it is about.

    Raises:
        Refusal: what `parse` raises, with the field.
    """
    try:
        return parse(*arguments, **options)
    except Refusal as refusal:
        raise Refusal(refusal.code, refusal.message, field=field) from None


def parse_git(source_ref: str, repository_url: str | None, settings: Settings) -> GitSource:
    """The git source of an order: `<url>#<ref>`, or the ref alone where the site has a repository.

    Raises:
        Refusal: SOURCE_REF_INVALID, SOURCE_NOT_ALLOWED.
    """
    source = refs.parse_git(
        source_ref,
        repository_url=repository_url,
        trusted_networks=settings.trusted_networks,
        trusted_paths=settings.trusted_paths,
    )
    if source.userinfo is not None:
        # An order is kept and shown: a password in it would be, too.
        raise Refusal(
            "SOURCE_REF_INVALID",
            "The URL holds a user or password; use ssh with a key for private repositories.",
        )
    return source


def check_repository(repository_url: str, settings: Settings) -> None:
    """Check a site's repository.

    Raises:
        Refusal: as `parse_git`.
    """
    refs.check_repository_url(
        repository_url, trusted_networks=settings.trusted_networks, trusted_paths=settings.trusted_paths
    )
    parse_git(f"{repository_url}#HEAD", None, settings)


def parse_archive_url(archive_url: str, settings: Settings) -> UUID | None:
    """The upload that `upload:<id>` names, or None for a URL that may be fetched.

    Raises:
        Refusal: URL_NOT_ALLOWED for a URL that is seen to lead to a private address, or that is none.
    """
    if archive_url.startswith("upload:"):
        try:
            return UUID(archive_url.removeprefix("upload:"))
        except ValueError:
            raise Refusal(
                "URL_NOT_ALLOWED", "After upload: comes the id that POST /uploads answered."
            ) from None
    if parse_url(archive_url, settings.trusted_networks).userinfo is not None:
        # An order is kept and shown: a password in it would be, too.
        raise Refusal("URL_NOT_ALLOWED", "The URL holds a user or password; send the archive as an upload.")
    return None
