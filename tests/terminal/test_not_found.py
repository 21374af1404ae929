"""A scan that finds nothing rings: whoever scans looks at the pallet."""

from tests.terminal.pty_program import start


def test_a_scan_rings_only_when_it_finds_nothing(environ: dict[str, str]) -> None:
    with start(environ) as terminal:
        terminal.type("ACME-CORP\r")
        terminal.until("123 Industrial Way")
        assert b"\x07" not in terminal.output
        terminal.type("DOCK-99\r")
        terminal.until("No such customer")
        terminal.settle(0.2)
        assert terminal.output.count(b"\x07") == 1
