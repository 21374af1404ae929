"""The terminal's encoding follows the locale, and missing characters are replaced cell by cell."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.terminal.encoding import Repertoire, terminal_encoding
from app.terminal.screen_buffer import cells_of
from app.terminal.sgr import PLAIN
from app.text.sanitize import sanitize
from tests.terminal.emulator import terminal
from tests.terminal.pty_program import ROOT

ENCODINGS: Final = ("ascii", "iso8859-1", "iso8859-15", "koi8-r", "tis-620", "euc_jp", "shift_jis", "gb18030", "utf-8")
#: Symbols for control characters.
PICTURES: Final = {chr(code) for code in (*range(0x2400, 0x2420), 0x2421, 0xFFFD)}


@pytest.mark.parametrize(
    ("environ", "encoding"),
    [
        ({}, "utf-8"),
        ({"LANG": "C"}, "utf-8"),
        ({"LC_ALL": "POSIX"}, "utf-8"),
        ({"LANG": "en_US.UTF-8"}, "utf-8"),
        ({"LC_CTYPE": "UTF-8"}, "utf-8"),
        ({"LANG": "en_US"}, "iso8859-1"),
        ({"LANG": "de_DE@euro"}, "iso8859-15"),
        ({"LANG": "ru_RU.KOI8-R"}, "koi8-r"),
        ({"LANG": "ja_JP.eucJP"}, "euc_jp"),
        ({"LANG": "en_US.ANSI_X3.4-1968"}, "ascii"),
        ({"LC_ALL": "", "LC_CTYPE": "ru_RU.KOI8-R", "LANG": "en_US.UTF-8"}, "koi8-r"),
        ({"LC_ALL": "en_US.UTF-8", "LC_CTYPE": "ru_RU.KOI8-R"}, "utf-8"),
    ],
)
def test_encoding_follows_locale_variables(environ: dict[str, str], encoding: str) -> None:
    assert terminal_encoding(environ) == encoding


@pytest.mark.parametrize(
    "codeset", ["nonsense", "base64", "rot13", "utf-16", "utf-7", "cp037", "hz", "ISO-2022-JP", "idna", "\0", "é", ""]
)
def test_unknown_codeset_counts_as_utf_8(codeset: str) -> None:
    assert terminal_encoding({"LANG": f"xx_XX.{codeset}"}) == "utf-8"


@pytest.mark.parametrize(
    ("variables", "encoding"),
    [
        ({"LANG": "xx_XX.ISO-8859-1"}, "iso8859-1"),
        ({"LANG": "C"}, "utf-8"),
        ({"LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, "utf-8"),
        ({"LANG": "xx_XX.ISO-8859-1", "LC_CTYPE": "C.UTF-8"}, "utf-8"),
    ],
    ids=["no such locale here", "coerced", "not coerced", "set by the person"],
)
def test_coerced_locale_is_ignored(variables: dict[str, str], encoding: str) -> None:
    program = "import os; from app.terminal.encoding import terminal_encoding; print(terminal_encoding(os.environ))"
    result = subprocess.run(
        [sys.executable, "-c", program], env=variables, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == encoding


@pytest.mark.promise("T4")
@settings(max_examples=100, deadline=None)
@given(some.text(max_size=40), some.sampled_from(ENCODINGS))
def test_replacements_keep_cell_count(text: str, encoding: str) -> None:
    shown = sanitize(text)
    spelled = Repertoire(encoding).spell(shown)
    assert spelled.encode(encoding).decode(encoding) == spelled
    assert len(cells_of(spelled, PLAIN)) == len(cells_of(shown, PLAIN))


@pytest.mark.parametrize(
    ("text", "encoding", "spelled"),
    [
        ("› Müller ▲ 中", "iso8859-1", "> Müller ^ ??"),
        ("Mu\N{COMBINING DIAERESIS}ller", "iso8859-1", "Müller"),
        ("Mu\N{COMBINING DIAERESIS}ller", "ascii", "M?ller"),
        ("Łódź €", "iso8859-1", "?ód? ?"),
        ("Łódź €", "iso8859-15", "?ód? €"),
        ("Дом ×", "koi8-r", "Дом x"),
        ("中 Дом ｶ ¥", "euc_jp", "中 ??? ? ?"),
        ("\x1b[1m⏎\x1b[m\N{COMBINING DIAERESIS}", "iso8859-1", "\x1b[1m=\x1b[m"),
        ("› 中", "utf-8", "› 中"),
    ],
)
def test_missing_characters_are_replaced(text: str, encoding: str, spelled: str) -> None:
    assert Repertoire(encoding).spell(text) == spelled


def drawn_signs() -> Iterator[str]:
    """The non-ASCII characters in the program's own texts."""
    for folder in ("screens", "widgets"):
        for path in (ROOT / "app" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from (sign for sign in node.value if not sign.isascii())


def test_every_drawn_symbol_has_ascii_replacement() -> None:
    signs = set(drawn_signs()) - PICTURES
    assert "▲" in signs
    assert not [sign for sign in sorted(signs) if Repertoire("ascii").spell(sign) == "?"]


@pytest.mark.promise("T4")
@pytest.mark.parametrize(
    ("locale", "encoding", "options"),
    [("en_US", "iso8859-1", []), ("en_US", "iso8859-1", ["--plain-output"]), ("ru_RU.KOI8-R", "koi8-r", [])],
    ids=["latin-1", "latin-1-plain", "koi8-r"],
)
def test_columns_stay_aligned_in_other_encodings(
    locale: str, encoding: str, options: list[str], tmp_path: Path
) -> None:
    argv = ["-m", "app", "--demo", *options]
    with (
        terminal(argv, tmp_path, environ={"LC_ALL": locale}, encoding=encoding) as other,
        terminal(argv, tmp_path, environ={"LC_ALL": "C.UTF-8"}) as usual,
    ):
        usual.until("ACME-CORP")
        other.until("ACME-CORP")
        other.until("= is Enter, ? a sign it lacks.")
        for running in (other, usual):
            running.type("\r")
            running.until("Contact")
            running.type("\x1b")
            running.until("CORACAO-ALM")
            running.quiet()
        repertoire = Repertoire(encoding)
        assert other.screen.display[:16] == [repertoire.spell(line) for line in usual.screen.display[:16]]
