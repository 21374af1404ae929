"""The programs that are measured, how they are started, and their home and server."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.terminal import Terminal

ROOT: Final = Path(__file__).parents[2]

_PYTHON: Final = (sys.executable,)
_STOCK: Final = (*_PYTHON, str(Path(__file__).with_name("stock.py")))

#: Other programs that show a table: command, arguments, and a text that appears with the table.
OTHERS: Final[Mapping[str, tuple[Sequence[str], str]]] = {
    "VisiData": (("vd", "--config", "/dev/null", "{csv}"), "CUST-0005"),
    "abook": (("abook", "--config", "/dev/null", "--datafile", "{abook}"), "Customer 5"),
    "mc": (("mc", "--nocolor", "--nosubshell", "{folder}", "{folder}"), "CUST-0005"),
}


@dataclass(frozen=True, slots=True)
class Programs:
    """Starts programs in one environment; `server` holds the variables for dockbook's server."""

    environ: Mapping[str, str]
    server: Mapping[str, str]
    folder: Path

    def dockbook(
        self,
        *options: str,
        server: bool = False,
        size: tuple[int, int] = (100, 30),
        colours: str = "truecolor",
        cache: str = "",
    ) -> Terminal:
        """dockbook on a demo of 100 customers or on the server; its mirror is in `cache`, if given."""
        environ = {**self.environ, **self.server} if server else self.environ
        if cache:
            environ = {**environ, "XDG_CACHE_HOME": str(self.folder / cache)}
        argv = (*_PYTHON, "-m", "app", *(() if server else ("--demo", "100")), *options)
        return Terminal(argv, environ, size, colours)

    def textual(self, kind: str, size: tuple[int, int] = (100, 30), colours: str = "truecolor") -> Terminal:
        """An app of Textual's own widgets: `stock`, `bare` or `client`."""
        return Terminal((*_STOCK, kind), self.environ, size, colours)

    def other(self, name: str, colours: str = "truecolor") -> tuple[Terminal, str] | None:
        """Another program with a table of customers, and the text to wait for; `None` if it is not installed."""
        argv, text = OTHERS[name]
        command = shutil.which(argv[0], path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
        if command is None:
            return None
        paths = {"csv": self._csv(), "abook": self._abook(), "folder": self._files()}
        return Terminal([command, *(part.format(**paths) for part in argv[1:])], self.environ, colours=colours), text

    def _csv(self) -> Path:
        path = self.folder / "customers.csv"
        path.write_text(
            "id,name,city,state,phone,contact,status\n"
            + "".join(f"CUST-{n:04},Customer {n},Springfield,IL,555-{n:04},Jane,active\n" for n in range(100))
        )
        return path

    def _abook(self) -> Path:
        path = self.folder / "customers.abook"
        entries = (f"[{n}]\nname=Customer {n}\nemail=c{n}@example.com\nphone=555-{n:04}\n\n" for n in range(100))
        path.write_text("[format]\nprogram=abook\nversion=0.6.1\n\n" + "".join(entries))
        return path

    def _files(self) -> Path:
        folder = self.folder / "customers"
        folder.mkdir(exist_ok=True)
        for n in range(100):
            (folder / f"CUST-{n:04}").touch()
        return folder


@contextmanager
def programs() -> Iterator[Programs]:
    """A temporary home, and a server with 100 customers, until the block ends."""
    with tempfile.TemporaryDirectory() as home:
        names = ("PATH", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE")
        environ = {name: os.environ[name] for name in names if name in os.environ}
        environ |= {"HOME": home, "PYTHONPATH": str(ROOT), "LC_ALL": environ.get("LC_ALL", "C.UTF-8")}
        argv = (*_PYTHON, "-m", "app", "serve", "--demo", "100", "--port", "0")
        server = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            yield Programs(environ, credentials_of(server), Path(home))
        finally:
            server.terminate()
            server.communicate()


def credentials_of(server: "subprocess.Popen[str]") -> Mapping[str, str]:
    """The variables that the server prints for a client that may change customers."""
    assert server.stdout is not None
    printed: list[Mapping[str, str]] = []
    for line in server.stdout:
        if line.startswith("export "):
            printed.append(dict(re.findall(r"(DOCKBOOK_\w+)=(\S+)", line)))
        if len(printed) == 2:
            return printed[1]
    raise RuntimeError("the server did not start")
