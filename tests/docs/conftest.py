"""One running product for the tests of documentation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.product import Product, running_product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Server, workers and sites server, on an empty database."""
    with running_product(tmp_path_factory.mktemp("docs")) as product:
        yield product
