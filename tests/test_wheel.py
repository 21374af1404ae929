"""The wheel installs into an empty environment and opens on a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.bench.terminal import Emulator

ROOT = Path(__file__).parents[1]


def run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with only the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder / "dist", ROOT)
    (wheel,) = (folder / "dist").iterdir()
    run(sys.executable, "-m", "venv", folder / "venv")
    run(folder / "venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return folder / "venv"


def test_wheel_opens_demo(environment: Path, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    child = pexpect.spawn(
        str(environment / "bin" / "dockbook"),
        ["--demo"],
        cwd=tmp_path,
        env=environ,
        dimensions=(24, 80),
        timeout=30,
        encoding="utf-8",
    )
    screen = Emulator(80, 24)
    stream = pyte.Stream(screen)
    while not any("ACME-CORP" in line for line in screen.display):
        stream.feed(child.read_nonblocking(65_536, timeout=30))
    assert any("dockbook" in line for line in screen.display)
    child.send("\x11")
    rest = child.read()
    child.close()
    assert child.exitstatus == 0
    assert "\x1b[?1049l" in rest
    assert "\x1b[?25h" in rest
    assert list(environment.glob("lib/python*/site-packages/styles/*.tcss"))


def test_wheel_contains_the_data_files(environment: Path) -> None:
    (service,) = environment.glob("lib/python*/site-packages/app/service")
    assert (service / "openapi.json").is_file()
    assert (service / "sample" / "regions.toml").is_file()
