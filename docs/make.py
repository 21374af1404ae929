"""Makes the pictures of the README, keys.md and guarantees.md: `python docs/make.py`."""

import ast
import asyncio
import os
import re
import tomllib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from html import escape, unescape
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")


from typing import TYPE_CHECKING

from rich.cells import cell_len

from app.backends import EmbeddedBackend
from app.repository.repository import CustomerRepository
from app.repository.source import CustomerSource
from app.screens.base import DIALOG_GROUP, BaseScreen
from app.screens.context import AppContext
from app.screens.customer_list.screen import CustomerListScreen
from app.screens.detail import DetailScreen
from app.screens.form import FormScreen
from app.timing import Timing
from app.tui.app import SYNC_GROUP, DockbookApp
from app.widgets.customer_table import CustomerTable
from app.widgets.form_field import FieldInput
from app.widgets.key_names import key_name
from app.widgets.record_view import RecordView
from app.widgets.search_bar import SearchInput

if TYPE_CHECKING:
    from textual.binding import Binding

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
NOT_BUILT = "Not built yet"
CELL = 12.2  # how wide the pictures draw one

#: What leads to a picture: a key, or something that happens meanwhile.
Step = str | Callable[[EmbeddedBackend], Awaitable[None]]


async def other_saves_phone(book: EmbeddedBackend) -> None:
    """Let someone else change the phone of the first customer."""
    other = CustomerRepository(CustomerSource(book.connect))
    await other.save(await other.customer("ACME-CORP"), {"phone": "555-0177"})
    await other.close()


#: Picture, terminal size, and what leads to it.
PICTURES: Sequence[tuple[str, tuple[int, int], Sequence[Step]]] = (
    ("list", (100, 26), ["down", "down"]),
    ("find", (80, 24), ["slash", *"ja"]),
    ("detail", (80, 24), ["enter"]),
    (
        "form",
        (80, 24),
        ["f2", *["down"] * 8, "backspace", "backspace", "9", "9", "down", "down", *["backspace"] * 2, "up"],
    ),
    ("conflict", (80, 24), ["f2", *["down"] * 8, "9", other_saves_phone, "f10"]),
    ("discontinue", (80, 24), ["end", "delete"]),
    ("handheld", (24, 16), ["down", "down"]),
)

KEYS: Sequence[tuple[str, Sequence[type]]] = (
    ("List", (CustomerTable, CustomerListScreen)),
    ("Find", (SearchInput,)),
    ("Detail", (RecordView, DetailScreen)),
    ("Form", (FieldInput, FormScreen)),
    ("Everywhere", (BaseScreen, DockbookApp)),
)


async def picture(size: tuple[int, int], steps: Sequence[Step]) -> str:
    """Run the program on the sample customers, take the steps, and return what can be seen, as SVG."""
    book = EmbeddedBackend(None, 48)
    timing = Timing(initial_delay=0.0, between_pages=0.0, now=afternoon)
    source = CustomerSource(book.connect, timing, on_close=book.close, open_mirror=partial(book.open_mirror, None))
    app = DockbookApp(AppContext(CustomerRepository(source), "demo"))
    async with app.run_test(size=size) as pilot:
        await settle(app)
        while (state := await app.context.repository.mirror_state()) is None or not state.complete:
            await pilot.pause()
        for step in steps:
            await (pilot.press(step) if isinstance(step, str) else step(book))
            await settle(app)
        await pilot.pause()
        svg = app.export_screenshot(title="dockbook")
    svg = re.sub(
        r'(<text [^>]*?x=")([\d.]+)(" y="[^"]*")( textLength="[^"]*")([^>]*>)([^<]*)(</text>)', _in_columns, svg
    )
    # Fonts from elsewhere would make whoever looks at the README ask a stranger for them.
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")


async def settle(app: DockbookApp) -> None:
    """Wait for all workers but the one that never ends, and those that wait for a person."""
    if running := [one for one in app.workers if one.group not in (SYNC_GROUP, DIALOG_GROUP)]:
        await app.workers.wait_for_complete(running)


def afternoon() -> datetime:
    """The time of all pictures: today, so that its date is not shown."""
    return datetime.now().astimezone().replace(hour=16, minute=40)


def _in_columns(text: re.Match[str]) -> str:
    """A text with wide characters, word by word: a browser would else spread it over the length of all its cells."""
    before, x, y, _, attributes, words, after = text.groups()
    words = unescape(words)
    if cell_len(words) == len(words):
        return text[0]
    parts = []
    for word in re.finditer(r"[^\xa0]+", words):
        place = float(x) + CELL * cell_len(words[: word.start()])
        parts.append(f"{before}{place:.1f}{y}{attributes}{escape(word[0])}{after}")
    return "".join(parts)


def pictures() -> Mapping[str, str]:
    """Every picture by its file name."""
    return {f"{name}.svg": asyncio.run(picture(size, steps)) for name, size, steps in PICTURES}


def keys() -> str:
    """The list of all keys and their ids, as Markdown."""
    lines = [
        "# Keys",
        "",
        "Every action, its keys and the id it has in the `[keys]` table of `config.toml`. Made by `docs/make.py`.",
    ]
    for title, parts in KEYS:
        lines += ["", f"## {title}", "", "| id | keys | what it does |", "|---|---|---|"]
        for part in parts:
            bindings: Sequence[Binding] = vars(part)["BINDINGS"]
            for binding in bindings:
                names = " ".join(f"`{key_name(key)}`" for key in binding.key.split(","))
                lines.append(f"| {binding.id} | {names} | {binding.tooltip or binding.description} |")
    return "\n".join(lines) + "\n"


def promises() -> dict[str, dict[str, str]]:
    """The rows of promises.toml: text by row, by section."""
    sections: dict[str, dict[str, str]] = tomllib.loads((HERE / "promises.toml").read_text(encoding="utf-8"))
    return sections


def promise_tests() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """The tests marked with each row, by row and by file below tests/, read without importing them."""
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for mark, name in _marks(node):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.promise":
                    for row in mark.args:
                        found[ast.literal_eval(row)][path.relative_to(TESTS).as_posix()].append(name)
    return found


def _marks(node: ast.stmt) -> Iterator[tuple[ast.expr, str]]:
    """The decorators of a test with its name, or the value of `pytestmark`, which holds for the whole file."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from ((mark, node.name) for mark in node.decorator_list)
    elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
        yield node.value, "all tests"


def guarantees() -> str:
    """The promises and the tests that keep them, as Markdown."""
    tests = promise_tests()
    lines = [
        "# Guarantees",
        "",
        "What dockbook promises, and the tests that keep each promise. Made by `docs/make.py` from `promises.toml` and",
        'the `@pytest.mark.promise("…")` markers of the tests.',
    ]
    for section, rows in promises().items():
        lines += ["", f"## {section}"]
        for row, text in rows.items():
            if section == NOT_BUILT:
                lines += ["", f"**{row}** {text}"]
                continue
            lines += ["", f"### {row}", "", text, ""]
            for file, names in tests[row].items():
                listed = ", ".join(f"`{name}`" if name.startswith("test_") else name for name in names)
                lines.append(f"- [{file}](../tests/{file}): {listed}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write everything beside this file."""
    for name, svg in pictures().items():
        (HERE / name).write_text(svg, encoding="utf-8")
    (HERE / "keys.md").write_text(keys(), encoding="utf-8")
    (HERE / "guarantees.md").write_text(guarantees(), encoding="utf-8")


if __name__ == "__main__":
    main()
