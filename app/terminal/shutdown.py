"""Ends the program on a signal, or when its terminal has gone: drafts are flushed, the terminal is restored.

The handlers are those of `signal.signal`: a terminal that takes no more output blocks the event loop, and with it
every timer and every signal handler of asyncio.
"""

import os
import select
import signal
import termios
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

HUNG_UP: Final = 128 + signal.SIGHUP
GRACE: Final = 2.0  # seconds
#: What is left of them for the program that leaves by itself: that it leaves is seen by then, and its end waited for.
_SOON: Final = 1.5

#: Signals that would end the process immediately without a fault in the program: an alarm of a parent, a limit of
#: processor time, a slip at `kill`. Not every system has all of them.
_SUDDEN: Final = (
    "SIGQUIT",
    "SIGALRM",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGPROF",
    "SIGXCPU",
    "SIGPOLL",
    "SIGPWR",
    "SIGSTKFLT",
    "SIGRTMIN",
    "SIGRTMAX",
)

#: Textual reads keys from standard input and draws on standard error.
_KEYBOARD: Final = 0
_SCREEN: Final = 2

#: Leaves the kitty keyboard, paste, focus, resize and mouse modes and the other screen; shows the cursor, wraps lines.
_RESTORE: Final = (
    b"\x1b[<u\x1b[?2004l\x1b[?1004l\x1b[?2048l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?2026l"
    b"\x1b[?7h\x1b[0m\x1b[?1049l\x1b[?25h"
)


class ShutdownHandler:
    """What happens on SIGTERM, SIGINT, SIGHUP, other signals that end a process, and the loss of the terminal.

    Every function of `flush` runs first, each only once, also when one before it fails; they must neither wait for
    the event loop nor for the terminal. `leave` asks the program to end by itself, from any thread, with an exit code;
    `away` tells whether it has given the terminal back for now (ctrl+z), and then it is not asked.
    """

    def __init__(
        self,
        flush: Iterable[Callable[[], None]],
        request_exit: Callable[[int], None],
        is_suspended: Callable[[], bool] = lambda: False,
    ) -> None:
        self._flush = tuple(flush)
        self._request_exit = request_exit
        self._is_suspended = is_suspended
        self._exiting = threading.Lock()
        self._modes = _terminal_modes()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Be on watch while the block runs; to be entered on the main thread."""
        before = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, self._on_terminate),
            signal.SIGINT: signal.signal(signal.SIGINT, self._on_terminate),
            signal.SIGHUP: signal.signal(signal.SIGHUP, self._on_hang_up),
        }
        for number in [getattr(signal, name) for name in _SUDDEN if hasattr(signal, name)]:
            # What a parent made us deaf to does no harm.
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, self._on_terminate)
        # A parent may have made us deaf to SIGHUP (nohup), and without a terminal the screens spin for ever.
        threading.Thread(target=self._watch_terminal, name="terminal-watch", daemon=True).start()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def exit_soon(self, code: int) -> None:
        """The program leaves by itself: what keeps it from that for too long is not waited for."""
        timer = threading.Timer(_SOON, self._end_stuck, [code])
        timer.daemon = True
        timer.start()

    def _end_stuck(self, code: int) -> None:
        self._run_flush()
        self._exit(code)

    def _on_terminate(self, number: int, _frame: FrameType | None) -> None:
        if not self._exiting.acquire(blocking=False):
            return
        code = 128 + number
        if self._is_suspended() or in_background():
            # Another job owns the terminal; writing to it would stop us with SIGTTOU before we can exit.
            self._run_flush()
            os._exit(code)
        timer = threading.Timer(GRACE, self._exit, [code])
        timer.daemon = True
        timer.start()
        self._run_flush()
        self._request_exit(code)

    def _on_hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        if not self._exiting.acquire(blocking=False):
            return
        # Leaving in good order would wait for a writer that waits for the terminal.
        self._run_flush()
        self._exit(HUNG_UP)

    def _watch_terminal(self) -> None:
        poll = select.poll()
        poll.register(_KEYBOARD, select.POLLHUP | select.POLLERR)
        if os.isatty(_SCREEN):
            poll.register(_SCREEN, select.POLLHUP | select.POLLERR)
        for _, event in poll.poll():
            # macOS cannot poll a terminal and answers POLLNVAL.
            if event & (select.POLLHUP | select.POLLERR):
                self._hang_up()

    def _run_flush(self) -> None:
        for flush in self._flush:
            try:
                flush()
            except Exception:  # noqa: BLE001, S112 - the process ends here, and the next one's work is not lost too
                continue

    def _exit(self, code: int) -> None:
        restore_terminal(self._modes)
        os._exit(code)


def restore_terminal(modes: list[Any] | None) -> None:
    """Restore the terminal without waiting for it, unless it takes no output or is not ours."""
    if in_background():
        return
    if modes is not None:
        try:
            termios.tcsetattr(_KEYBOARD, termios.TCSANOW, modes)
        except termios.error:
            return
    poll = select.poll()
    poll.register(_SCREEN, select.POLLOUT)
    if os.isatty(_SCREEN) and any(event == select.POLLOUT for _, event in poll.poll(0)):
        try:
            os.write(_SCREEN, _RESTORE)
        except OSError:
            return


def in_background() -> bool:
    """Whether another job has the terminal now, so that the system would stop this one for writing its modes."""
    try:
        return os.tcgetpgrp(_KEYBOARD) != os.getpgrp()
    except OSError:
        # It has gone, or is not the controlling terminal.
        return False


def _terminal_modes() -> list[Any] | None:
    try:
        return termios.tcgetattr(_KEYBOARD)
    except termios.error:
        return None
