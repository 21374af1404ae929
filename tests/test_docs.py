"""The pictures, the list of keys and the list of guarantees are current."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def make() -> ModuleType:
    """The script that makes the documents."""
    spec = importlib.util.spec_from_file_location("make", DOCS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts_in(svg: str) -> list[str]:
    """The texts of a picture; their styles differ between versions of the renderer."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_pictures_are_current(make: ModuleType) -> None:
    for name, svg in make.pictures().items():
        stored = (DOCS / name).read_text(encoding="utf-8")
        assert texts_in(stored) == texts_in(svg), f"{name} is old: run python docs/make.py"
        assert len(texts_in(stored)) > 10
        assert "url(" not in stored.replace("url(#", ""), "a reader of the README would load a font from another server"


def test_key_list_is_current(make: ModuleType) -> None:
    assert (DOCS / "keys.md").read_text(encoding="utf-8") == make.keys(), "keys.md is old: run python docs/make.py"


def test_guarantee_list_is_current(make: ModuleType) -> None:
    current = (DOCS / "guarantees.md").read_text(encoding="utf-8")
    assert current == make.guarantees(), "guarantees.md is old: run python docs/make.py"


def test_every_promise_has_a_test(make: ModuleType) -> None:
    kept = {row for section, rows in make.promises().items() if section != make.NOT_BUILT for row in rows}
    assert kept == set(make.promise_tests())
