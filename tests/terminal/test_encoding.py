"""The terminal's encoding is that of the locale a person set, whatever Python or the machine make of it."""

import subprocess
import sys

import pytest

from app.terminal.encoding import terminal_encoding
from tests.terminal.running import ROOT


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
def test_the_strongest_variable_names_the_encoding(environ: dict[str, str], encoding: str) -> None:
    assert terminal_encoding(environ) == encoding


@pytest.mark.parametrize(
    "codeset", ["nonsense", "base64", "rot13", "utf-16", "utf-7", "cp037", "hz", "ISO-2022-JP", "idna", "\0", "é", ""]
)
def test_what_no_terminal_speaks_counts_as_utf_8(codeset: str) -> None:
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
def test_a_locale_that_python_coerced_is_not_the_persons(variables: dict[str, str], encoding: str) -> None:
    asked = "import os; from app.terminal.encoding import terminal_encoding; print(terminal_encoding(os.environ))"
    told = subprocess.run(
        [sys.executable, "-c", asked], env=variables, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == encoding
