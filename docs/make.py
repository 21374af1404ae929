"""Makes the pictures of the README and the list of keys from the program itself: `python docs/make.py`."""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")


from typing import TYPE_CHECKING

from rich.cells import cell_len

from app.backends import EmbeddedBackend
from app.repository.repository import CustomerRepository
from app.screens.base import BaseScreen
from app.screens.context import AppContext
from app.screens.customer_list.screen import CustomerListScreen
from app.screens.detail import DetailScreen
from app.screens.form import FormScreen
from app.tui.app import SYNC_GROUP, DockbookApp
from app.widgets.customer_table import CustomerTable
from app.widgets.form_field import FieldInput
from app.widgets.key_names import key_name
from app.widgets.record_view import RecordView
from app.widgets.search_bar import SearchInput

if TYPE_CHECKING:
    from textual.binding import Binding

HERE = Path(__file__).parent
CELL = 12.2  # how wide the pictures draw one

#: Picture, terminal size, and the keys that lead to it.
PICTURES: Sequence[tuple[str, tuple[int, int], Sequence[str]]] = (
    ("list", (100, 26), ["down", "down"]),
    ("detail", (80, 24), ["enter"]),
    (
        "form",
        (80, 24),
        ["f2", *["down"] * 8, "backspace", "backspace", "9", "9", "down", "down", *["backspace"] * 2, "up"],
    ),
    ("discontinue", (80, 24), ["end", "delete"]),
)

KEYS: Sequence[tuple[str, Sequence[type]]] = (
    ("List", (CustomerTable, CustomerListScreen)),
    ("Find", (SearchInput,)),
    ("Detail", (RecordView, DetailScreen)),
    ("Form", (FieldInput, FormScreen)),
    ("Everywhere", (BaseScreen, DockbookApp)),
)


async def picture(size: tuple[int, int], keys: Sequence[str]) -> str:
    """Run the program on the sample customers, press the keys, and return what can be seen, as SVG."""
    book = EmbeddedBackend(None, 48)
    app = DockbookApp(AppContext(CustomerRepository(book.connect, on_close=book.close), "demo"))
    async with app.run_test(size=size) as pilot:
        await settle(app)
        for key in keys:
            await pilot.press(key)
            await settle(app)
        await pilot.pause()
        svg = app.export_screenshot(title="dockbook")
    svg = re.sub(
        r'(<text [^>]*?x=")([\d.]+)(" y="[^"]*")( textLength="[^"]*")([^>]*>)([^<]*)(</text>)', _in_columns, svg
    )
    # Fonts from elsewhere would make whoever looks at the README ask a stranger for them.
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")


async def settle(app: DockbookApp) -> None:
    """Wait for all workers but the one that never ends."""
    if running := [one for one in app.workers if one.group != SYNC_GROUP]:
        await app.workers.wait_for_complete(running)


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
    return {f"{name}.svg": asyncio.run(picture(size, keys)) for name, size, keys in PICTURES}


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


def main() -> None:
    """Write everything beside this file."""
    for name, svg in pictures().items():
        (HERE / name).write_text(svg, encoding="utf-8")
    (HERE / "keys.md").write_text(keys(), encoding="utf-8")


if __name__ == "__main__":
    main()
