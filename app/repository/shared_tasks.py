"""Tasks that several callers may wait for."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class SharedTasks:
    """A waiter that is cancelled does not cancel the task, unless it is the last one."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiters: Counter[asyncio.Task[Any]] = Counter()

    def start(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Start the work."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self, task: "asyncio.Task[Result]", timeout: float | None = None) -> bool:  # noqa: ASYNC109 - not a deadline: the task goes on
        """Wait at most `timeout` seconds; returns whether the task is done."""
        self._waiters[task] += 1
        try:
            await asyncio.wait({task}, timeout=timeout)
        except asyncio.CancelledError:
            if self._waiters[task] == 1:
                task.cancel()
            raise
        finally:
            self._waiters[task] -= 1
            if not self._waiters[task]:
                del self._waiters[task]
        return task.done()

    async def cancel(self) -> None:
        """Cancel all of them, and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
