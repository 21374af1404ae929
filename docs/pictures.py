"""Makes the pictures of the README from the program itself: `python docs/pictures.py`."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

from app.connect import Book
from app.repository import Repository
from app.screens.frame import Desk
from app.tui import DockbookApp

HERE = Path(__file__).parent

#: Picture, terminal size, and the keys that lead to it.
PICTURES: Sequence[tuple[str, tuple[int, int], Sequence[str]]] = (
    ("list", (100, 26), ["down", "down"]),
    ("detail", (80, 24), ["enter"]),
    ("form", (80, 24), ["f2", *["down"] * 8, "backspace", "backspace", "9", "9", "enter", "enter", *"." * 2]),
    ("discontinue", (80, 24), ["end", "delete"]),
)


async def picture(name: str, size: tuple[int, int], keys: Sequence[str]) -> None:
    """Run the program on the sample customers, press the keys, and keep what can be seen."""
    book = Book(None, 48)
    app = DockbookApp(Desk(Repository(book.connect, on_close=book.close), "demo"))
    async with app.run_test(size=size) as pilot:
        for key in ["", *keys]:
            if key:
                await pilot.press(key)
            await app.workers.wait_for_complete()
            await pilot.pause()
        (HERE / f"{name}.svg").write_text(app.export_screenshot(title="dockbook"), encoding="utf-8")


def main() -> None:
    """Make every picture."""
    for name, size, keys in PICTURES:
        asyncio.run(picture(name, size, keys))


if __name__ == "__main__":
    main()
