"""The documents say what is true: pictures and keys are those of the program."""

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


def shown(svg: str) -> list[str]:
    """The texts of a picture, whatever a version of the renderer does with their looks."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_the_pictures_are_of_this_program(make: ModuleType) -> None:
    for name, svg in make.pictures().items():
        kept = (DOCS / name).read_text(encoding="utf-8")
        assert shown(kept) == shown(svg), f"{name} is old: run python docs/make.py"
        assert len(shown(kept)) > 10
        assert "url(" not in kept.replace("url(#", ""), "whoever looks at the README would ask a stranger for a font"


def test_the_list_of_keys_is_that_of_this_program(make: ModuleType) -> None:
    assert (DOCS / "keys.md").read_text(encoding="utf-8") == make.keys(), "keys.md is old: run python docs/make.py"
