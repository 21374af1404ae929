"""The scanner test shows and judges what arrives, runs none of it, and saves suitable settings."""

import tomllib
from pathlib import Path

import pytest

from app.config.toml_editor import write_ui_settings
from app.config.toml_file import read_config
from app.errors import SettingsError
from app.terminal.barcode import Scanner
from tests.harness import AppHarness, run_app


async def scan(it: AppHarness, text: str, pause: float) -> None:
    await it.type_at(text, [pause])
    await it.until("Press F10 to keep these settings")


@pytest.mark.promise("I4")
async def test_scan_is_shown_and_settings_are_saved() -> None:
    saved: list[Scanner] = []

    def save(scanner: Scanner) -> str:
        saved.append(scanner)
        return "Kept."

    async with run_app(save_scanner=save) as it:
        await it.press("T")
        it.sees("Test the scanner", "Scan any code now.")
        await scan(it, "qd-ACME-7\r", 0.04)
        it.sees("qd-ACME-7", "40 to 40 ms", "Behind it   Enter", "by its speed.", "scan_gap_ms = 60")
        await it.press("f10")
        it.sees("Kept.")
        assert saved == [Scanner(0.06)]
        assert it.app.key_queue.scanner == Scanner(0.06)
        await it.press("escape")
        it.sees("48 customers")
        assert it.transport.count("POST") == 0


@pytest.mark.promise("I4")
@pytest.mark.parametrize(
    ("sent", "pause", "expected_text", "expected_scanner"),
    [
        ("\x02ACME-7\x03", 2.0, "by its frame: at any speed", Scanner()),
        ("^ACME-7^\r", 2.0, "by its frame: at any speed", Scanner(prefix="^", suffix="^")),
        ("ACME-77~", 0.01, "by its speed", Scanner(0.03)),
        ("ACME-7", 0.01, "Nothing ends it", Scanner(0.03)),
        ("ACME-7\r", 0.12, "by its speed", Scanner(0.18)),
    ],
)
async def test_suggested_settings_fit_the_scanner(
    sent: str, pause: float, expected_text: str, expected_scanner: Scanner
) -> None:
    async with run_app() as it:
        await it.press("T")
        await scan(it, sent, pause)
        it.sees(expected_text)
        await it.press("f10")
        assert it.app.key_queue.scanner == expected_scanner


@pytest.mark.promise("I4")
async def test_slow_scanner_gets_advice_to_set_frame() -> None:
    async with run_app() as it:
        await it.press("T")
        await scan(it, "ACME-7\r", 0.3)
        it.sees("takes this for typing", "STX")
        before = it.app.key_queue.scanner
        await it.press("f10")
        it.sees("Scan a code first.")
        assert it.app.key_queue.scanner == before


SETTINGS: dict[str, int | str] = {"scan_gap_ms": 60, "scan_prefix": "^", "scan_suffix": '"'}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# mine\nprofile = 'a'\n\n[profiles.a]\nurl = 'https://x.example.com/api/v1'\n",
        "[ui] # looks\nmouse = true # yes\nscan_gap_ms = 30 # old\n\n[keys]\nedit = 'f2'\n",
        "[ui]\nscan_prefix = '~'",
    ],
)
def test_config_file_keeps_everything_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dockbook" / "config.toml"
    if text:
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        path.chmod(0o640)
    write_ui_settings(path, SETTINGS)
    written = path.read_text(encoding="utf-8")
    before = tomllib.loads(text)
    after = tomllib.loads(written)
    assert after == {**before, "ui": {**before.get("ui", {}), **SETTINGS}}
    assert [line for line in text.splitlines() if "#" in line and "scan_gap" not in line] == [
        line for line in written.splitlines() if "#" in line
    ]
    assert path.stat().st_mode & 0o777 == (0o640 if text else 0o600)
    write_ui_settings(path, {"scan_gap_ms": 60, "scan_prefix": "\x02", "scan_suffix": ""})
    config = read_config(path)
    assert (config.scan_gap_ms, config.scan_prefix, config.scan_suffix) == (60, "\x02", "")


@pytest.mark.parametrize("text", ["ui = {mouse = true}\n", "[ui\n", "ui.mouse = true\n"])
def test_unsupported_config_file_is_left_unchanged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="scan_gap_ms = 60"):
        write_ui_settings(path, SETTINGS)
    assert path.read_text(encoding="utf-8") == text
