"""Exports what a list shows, over all its pages, into a file: whole, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.export.output import atomic_output
from app.export.read_all import AllCustomers
from app.export.spec import ExportSpec, ExportWriter, check_capacity, open_format

if TYPE_CHECKING:
    from app.models.customer import Customer
    from app.models.fields import PageRequest
    from app.repository.repository import CustomerRepository


async def export_list(
    repository: "CustomerRepository",
    request: "PageRequest",
    form: str,
    output: Path,
    on_progress: Callable[[int, int | None], None],
    on_wait: Callable[[int], None],
) -> list[str]:
    """Write every customer that the request means, in its order; what the file was before is replaced at the end.

    Returns what to report. Raises DockbookError if it is incomplete. `on_progress` gets how many came and how
    many there are, `on_wait` the seconds left of a wait that the server asked for.
    """
    order = ExportSpec(form, output=output)

    def progress(done: int, total: int | None) -> None:
        check_capacity(order, total)
        on_progress(done, total)

    walk = AllCustomers(repository, request, on_progress=progress, on_wait=on_wait)
    return await _write(order, output, walk.customers(), lambda: walk.notes)


async def export_marked(
    repository: "CustomerRepository",
    short_ids: Sequence[str],
    form: str,
    output: Path,
    on_progress: Callable[[int, int | None], None],
) -> list[str]:
    """Like `export_list`, for the customers with these IDs, as the server has them now."""

    async def customers() -> AsyncIterator[list["Customer"]]:
        for done, short_id in enumerate(short_ids):
            on_progress(done, len(short_ids))
            yield [await repository.customer(short_id)]

    return await _write(ExportSpec(form, output=output), output, customers(), list)


async def _write(
    order: ExportSpec, output: Path, batches: AsyncIterator[list["Customer"]], notes: Callable[[], list[str]]
) -> list[str]:
    with ExitStack() as stack:
        writing = ExportWriter(
            order, stack.enter_context(open_format(order)), stack.enter_context(atomic_output(output))
        )
        await _in_thread(writing.begin)
        async for batch in batches:
            await _in_thread(partial(writing.write_batch, batch))
        await _in_thread(writing.finish)
        finishing = stack.pop_all()
    await _in_thread(finishing.close)
    return writing.summary(notes())


async def _in_thread(work: Callable[[], None]) -> None:
    """Run it in a thread; a cancelled caller waits for it, because the file is closed then."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
