"""Exports what a list shows, over all its pages, into a file: whole, or not at all."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.export.order import Order, Writing, check_room, open_format
from app.export.target import file_sink
from app.export.walk import Walk

if TYPE_CHECKING:
    from app.fields import PageRequest
    from app.repository import Repository


async def export_list(
    repository: "Repository",
    request: "PageRequest",
    form: str,
    output: Path,
    on_progress: Callable[[int, int | None], None],
    on_wait: Callable[[int], None],
) -> list[str]:
    """Write every customer that the request means, in its order; what the file was before is replaced at the end.

    Returns what to say of it; raises DockbookError when it is not whole. `on_progress` is told how many came and how
    many there are, `on_wait` the seconds left of a wait that the server asked for.
    """
    order = Order(form, output=output)

    def progress(done: int, total: int | None) -> None:
        check_room(order, total)
        on_progress(done, total)

    with ExitStack() as stack:
        writing = Writing(order, stack.enter_context(open_format(order)), stack.enter_context(file_sink(output)))
        walk = Walk(repository, request, on_progress=progress, on_wait=on_wait)
        await _in_thread(writing.begin)
        async for batch in walk.customers():
            await _in_thread(partial(writing.take, batch))
        await _in_thread(writing.finish)
        finishing = stack.pop_all()
    await _in_thread(finishing.close)
    return writing.told(walk.notes)


async def _in_thread(work: Callable[[], None]) -> None:
    """Do it where a slow disk holds up nobody; who is cancelled waits for it, for the file is closed then."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
