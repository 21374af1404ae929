"""Lint, format, types and import rules as tests, so that plain `pytest` runs every check."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(ROOT.glob("app/**/*.py"))
#: Past this many lines, ask whether a file holds two subjects.
LONGEST = 600


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint() -> None:
    run("ruff", "check", "--quiet")


def test_format() -> None:
    run("ruff", "format", "--check", "--quiet")


def test_types() -> None:
    run("mypy")


def test_import_directions() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_short_and_has_docstring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text))


def test_ci_runs_test_command_of_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    command = script.read_text(encoding="utf-8").splitlines()[-1]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert command in readme
    setup = command.removesuffix("pytest").replace(".[dev]", ".")
    assert f"{setup}dockbook --demo".replace("'", "") in readme.replace("'", "")


def test_start_imports_nothing_slow() -> None:
    program = (
        "import sys, app.tui.app, app.backends, app.repository.repository; "
        "print(*{'httpx', 'pydantic', 'starlette', 'sqlite3', 'app.service', 'app.api'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_remote_backend_imports_no_service() -> None:
    program = (
        "import sys, asyncio; from app.backends import RemoteBackend; from app.config.settings import Settings; "
        "from app.config.secrets import Secret; "
        "s = Settings(url='http://127.0.0.1:1/api/v1', client_id='a', client_secret=Secret('b')); "
        "asyncio.run(RemoteBackend(s).connect()); "
        "print(*{'starlette', 'sqlite3', 'uvicorn', 'app.service'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
