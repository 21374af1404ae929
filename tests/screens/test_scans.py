"""Scans on every screen: complete or without effect, and never run as keys."""

from collections.abc import Sequence

import pytest

from app.screens.form import FormScreen
from app.terminal.barcode import Scanner
from tests.harness import AppHarness, run_app

EVEN = 0.06
STALLS = [0.1, 1.0]

#: Keys that open each screen and dialog from the list, and whether a scan opens its customer there.
SCREENS: dict[str, tuple[Sequence[str], bool]] = {
    "list": ((), True),
    "filtered": (("a",), True),
    "detail": (("enter",), True),
    "help": (("question_mark",), False),
    "drafts": (("w",), True),
    "sort": (("s",), False),
    "columns": (("v",), False),
    "rows a page": (("p",), False),
    "discontinue": (("d",), False),
    "export": (("x",), False),
    "palette": (("colon",), False),
    "copy": (("y",), False),
    "plain text": (("y", "t"), False),
    "go to": (("g",), True),
}


def requested_ids(it: AppHarness) -> set[str]:
    """The IDs of single customers that were requested."""
    paths = [request.url.path for request in it.transport.requests if request.method == "GET"]
    return {path.rpartition("/")[2] for path in paths if not path.endswith("/All")}


async def scan(it: AppHarness, code: str, pauses: Sequence[float], end: str = "\r") -> None:
    """Scan a code with these pauses before its keys."""
    await it.type_at(code + end, pauses)


@pytest.mark.promise("I3")
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("code", ["BRIGHT-MFG", "xd-4-e"])
async def test_scan_opens_customer_or_shows_why_not(screen: str, code: str) -> None:
    keys, opens = SCREENS[screen]
    async with run_app() as it:
        await it.press(*keys)
        before = it.app.screen
        await scan(it, code, [1.5] + [EVEN] * len(code))
        if opens and code == "BRIGHT-MFG":
            it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        elif opens:
            it.sees("xd-4-e")
        else:
            assert it.app.screen is before
            it.sees("Close this first, then scan.")
        assert requested_ids(it) <= {code, "ACME-CORP", "XD-4-E"}
        assert it.transport.count("POST") == it.transport.count("DELETE") == 0
        assert it.app.return_code is None


@pytest.mark.promise("I3")
@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("end", ["\r", "\t", "\r\n", ""])
async def test_stalled_scan_is_whole_or_nothing(stall: float, end: str) -> None:
    """With a stall at every position, no other customer is requested."""
    code = "BRIGHT-MFG"
    async with run_app() as it:
        for place in range(1, len(code) + len(end)):
            pauses = [5.0] + [EVEN] * (len(code) + len(end) - 1)
            pauses[place] = stall
            await scan(it, code, pauses, end)
            assert "BRIGHT-MFG · Bright" in it.screen_text or "Only part of a barcode arrived (" in it.screen_text
            if place >= 3:
                it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
            await it.press("escape", "escape")
            it.sees("48 customers")
        assert requested_ids(it) <= {code}


@pytest.mark.promise("I3")
@pytest.mark.parametrize("code", ["east-7", "nord-7", "dock-7", "xpor-7", "gate-7", "vend-7", "AB-7"])
@pytest.mark.parametrize("stall", STALLS)
async def test_rest_of_scan_writes_opens_and_answers_nothing(code: str, stall: float) -> None:
    """The first key has already run; the rest has no effect on the screen it opened."""
    async with run_app() as it:
        await scan(it, code, [5.0, stall] + [EVEN] * len(code))
        it.sees(f"Only part of a barcode arrived (…{code[1:]}). Scan again.")
        assert requested_ids(it) <= {"ACME-CORP"}
        assert it.transport.count("POST") == it.transport.count("DELETE") == 0
        assert it.app.return_code is None
        if isinstance(it.app.screen, FormScreen):
            assert not it.app.screen.unsaved_text()


@pytest.mark.promise("I3")
async def test_cut_scan_is_not_opened() -> None:
    async with run_app(mirror=True) as it:
        for code in ("ACME-CORP", "BRIGHT-MFG", "ACME-CORP"):
            await scan(it, code, [5.0] + [0.01] * len(code))
            await it.press("escape")
        await scan(it, "BRIGHT-M", [5.0] + [0.01] * 8, "")
        it.sees("Only part of a barcode arrived (BRIGHT-M…). Scan again.")
        await scan(it, "BRIGHT-MFG", [5.0] + [0.01] * 10, "")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


@pytest.mark.promise("I3")
async def test_repeated_or_late_end_edits_nothing() -> None:
    async with run_app() as it:
        await scan(it, "BRIGHT-MFG", [5.0] + [0.01] * 10 + [0.9], "\r\r\n")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC", "F2 Edit")
        assert not isinstance(it.app.screen, FormScreen)


@pytest.mark.promise("I3")
async def test_enter_after_fast_letters_opens_no_row() -> None:
    async with run_app() as it:
        await scan(it, "ZW", [5.0, 0.02, 0.02])
        it.sees("48 customers", "Only part of a barcode arrived (…ZW). Scan again.")
        await scan(it, "7", [5.0, 0.02])
        it.sees("48 customers", "Only part of a barcode arrived (…7). Scan again.")
        await scan(it, "j", [5.0, 0.05])
        assert "F3 Back" in it.screen_text


@pytest.mark.promise("I3")
@pytest.mark.parametrize("code", ["BRIGHT-MFG", "BRIGHT\x1dMFG"])
async def test_separator_belongs_to_the_code(code: str) -> None:
    async with run_app() as it:
        await it.burst(f"{code}\x03")
        it.sees("BRIGHT-MFG · Bright" if code == "BRIGHT-MFG" else "The server cannot be asked for this ID")
        assert requested_ids(it) <= {code}


@pytest.mark.promise("I3")
async def test_separator_belongs_to_code_in_find() -> None:
    async with run_app(mirror=True) as it:
        await it.press("slash")
        await it.burst("BRIGHT\x1d-MFG\r")
        it.sees("Scanned BRIGHT␝-MFG. Showing BRIGHT-MFG, the only match.")


@pytest.mark.promise("I4")
@pytest.mark.parametrize("screen", ["list", "detail", "go to"])
@pytest.mark.parametrize("frame", ["\x02{}\x03", "\x02{}\r", "^{}~"])
async def test_framed_scan_needs_no_timing(screen: str, frame: str) -> None:
    """With two seconds between keys."""
    scanner = Scanner(prefix="^", suffix="~") if "^" in frame else Scanner()
    async with run_app(scanner=scanner) as it:
        await it.press(*SCREENS[screen][0])
        await it.type_at(frame.format("BRIGHT-MFG"), [2.0])
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


@pytest.mark.promise("I4")
async def test_framed_scan_fills_form_field() -> None:
    async with run_app() as it:
        await it.press("f6")
        await it.type_at("\x02DOCK-7\x03", [2.0])
        it.sees("• ID        [DOCK-7")
        await it.press("down")
        await it.type_at("\x02Dock Seven\x03", [0.01])
        it.sees("• Name      [Dock Seven")


@pytest.mark.promise("I4")
async def test_framed_scan_without_end_is_partial() -> None:
    async with run_app() as it:
        await it.type_at("\x02DOCK-7", [2.0])
        it.sees("Only part of a barcode arrived (DOCK-7…). Scan again.", "48 customers")


@pytest.mark.promise("I5")
async def test_typed_prefix_stays_in_field() -> None:
    async with run_app(scanner=Scanner(prefix="^", suffix="^")) as it:
        await it.press("f6", "down")
        await it.type_at("^ab", [0.3])
        it.sees("• Name      [^ab")


@pytest.mark.promise("I4")
@pytest.mark.parametrize("screen", ["list", "detail", "go to"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_pasted_code_is_a_scan(screen: str, end: str) -> None:
    async with run_app() as it:
        await it.press(*SCREENS[screen][0])
        await it.paste(f"BRIGHT-MFG{end}")
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")
        await it.burst("\r")
        it.sees("F2 Edit")
        assert requested_ids(it) <= {"BRIGHT-MFG", "ACME-CORP"}


@pytest.mark.promise("I2")
@pytest.mark.parametrize("screen", ["sort", "discontinue", "help"])
async def test_paste_outside_fields_is_refused(screen: str) -> None:
    async with run_app() as it:
        await it.press(*SCREENS[screen][0])
        await it.paste("BRIGHT-MFG")
        it.sees("Nothing can be pasted here.")


@pytest.mark.promise("I3")
async def test_code_pasted_into_file_name_exports_nothing() -> None:
    async with run_app() as it:
        await it.press("x")
        await it.burst("\x1b[200~/nowhere/ACME-7\x1b[201~\r")
        it.sees("/nowhere/ACME-7", "⏎ export")
        it.misses("Not exported")


@pytest.mark.promise("I5")
async def test_typing_twelve_characters_a_second_reaches_go_to() -> None:
    async with run_app() as it:
        await it.type_at("gBRIGHT-MFG\r", [0.081, 0.094, 0.072, 0.086, 0.078, 0.093, 0.070, 0.095])
        it.sees("BRIGHT-MFG · Bright Manufacturing LLC")


@pytest.mark.promise("I5")
async def test_fast_letters_after_edit_key_are_typed() -> None:
    async with run_app() as it:
        await it.type_at("eThe 9th", [3.0, 0.6, 0.06, 0.1, 0.06, 0.05, 0.05, 0.06])
        it.sees("Acme CorporationThe 9th")


@pytest.mark.promise("I5")
async def test_held_key_moves_row_by_row() -> None:
    async with run_app() as it:
        await it.type_at("j" * 10, [5.0, 0.5] + [0.033] * 8)
        assert it.lines[12].startswith("›")


@pytest.mark.promise("T8")
@pytest.mark.parametrize("pause", [0.0, 0.02])
async def test_address_pasted_as_keys_can_be_taken_back(pause: float) -> None:
    async with run_app() as it:
        await it.press("e")
        await it.type_at("Dock Seven\rJane\r12 Road\rHall 3", [3.0] + [pause] * 40)
        it.sees("4 lines came as fast as a paste, one a field.", "Dock Seven", "Hall 3")
        await it.press("escape")
        it.sees("Take the pasted lines back?")
        await it.press("right", "enter")
        it.sees("Edit ACME-CORP", "as before")
        it.misses("Dock Seven", "Hall 3", "changed")


@pytest.mark.promise("T8")
async def test_pasted_lines_are_kept_after_next_key() -> None:
    async with run_app() as it:
        await it.press("e")
        await it.type_at("Dock Seven\rJane", [3.0] + [0.0] * 20)
        await it.press("x", "escape")
        it.sees("Leave without saving?")
