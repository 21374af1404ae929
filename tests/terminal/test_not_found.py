"""An unknown scan rings the bell, because the user looks at the pallet."""

from tests.terminal.pty_program import start


def test_bell_rings_only_for_unknown_scan(environ: dict[str, str]) -> None:
    with start(environ) as terminal:
        terminal.type("ACME-CORP\r")
        terminal.until("123 Industrial Way")
        assert b"\x07" not in terminal.output
        terminal.type("DOCK-99\r")
        terminal.until("No such customer")
        terminal.settle(0.2)
        assert terminal.output.count(b"\x07") == 1
