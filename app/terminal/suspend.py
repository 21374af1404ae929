"""Suspending: Ctrl+Z restores the terminal for the shell, and `fg` shows the whole screen again."""

import errno
import io
import os
import signal
from typing import Any

from textual.app import App
from textual.message import Message

from app.terminal.encoding import Repertoire, terminal_encoding
from app.terminal.input_driver import InputDriver
from app.terminal.shutdown import in_background


class SuspendingDriver(InputDriver):
    """Textual's driver, which also comes back when it was stopped without being asked (SIGSTOP).

    Textual's own would then start a second reader and writer beside the first, and take the modes of its own screen
    for those to leave behind at the end. It would also stop where nobody could continue it.
    """

    class NoShell(Message):
        """The program was asked to stop, and goes on: no shell would ever continue it."""

    class InputFailed(Message):
        """Nothing that is typed arrives any more: the thread that reads the keyboard ended with this error."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    suspended = False
    _drawing = False

    def __init__(self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None):
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.repertoire = Repertoire(terminal_encoding(os.environ))
        self.encoding = self.repertoire.encoding
        if isinstance(self._file, io.TextIOWrapper):
            self._file.reconfigure(encoding=self.repertoire.encoding, errors="backslashreplace")
        # By the loop, and not by `signal.signal` as Textual does: then they never run in the middle of an update, and
        # wake it. The system may hand a signal to any thread, and the main one would sleep on until the next key.
        self._loop.add_signal_handler(signal.SIGTSTP, self._sigtstp_application)
        self._loop.add_signal_handler(signal.SIGCONT, self._sigcont_application)

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._drawing = True

    def stop_application_mode(self) -> None:
        self._drawing = False
        super().stop_application_mode()

    def write(self, data: str) -> None:
        """Send what the terminal can show."""
        super().write(self.repertoire.spell(data))

    def input_failed(self, error: Exception) -> None:
        """Let the program end. To be called by the thread that reads the keyboard, with what ended its reading."""
        if isinstance(error, EOFError) or (isinstance(error, OSError) and error.errno == errno.EIO):
            # The terminal has gone, or was given away for good.
            os.kill(os.getpid(), signal.SIGHUP)
        else:
            self._app.post_message(self.InputFailed(error))

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as error:  # noqa: BLE001 - no error may be silent
            self.input_failed(error)

    def suspend_application_mode(self) -> None:
        super().suspend_application_mode()
        self.suspended = True

    def resume_application_mode(self) -> None:
        super().resume_application_mode()
        self.suspended = False
        # Others have written to the terminal since.
        self._app.call_later(self._app.refresh, layout=True)

    def _sigtstp_application(self, *_: Any) -> None:
        if not shell_waits():
            self._app.post_message(self.NoShell())
            return
        if self._auto_restart and self._drawing:
            self.suspend_application_mode()
            self._must_signal_resume = True
        self._stop()

    def _sigcont_application(self, *_: Any) -> None:
        if not self._auto_restart or not (self._drawing or self.suspended):
            return
        if in_background():
            # Another job owns the terminal: `bg` cannot continue a program with screens.
            self._stop()
            return
        if not self.suspended:
            self.suspend_application_mode()
        self.resume_application_mode()

    def _stop(self) -> None:
        """Stop the whole job, as a terminal does: a shell that waits for a wrapper of ours must see that one stop."""
        self._loop.remove_signal_handler(signal.SIGTSTP)
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        self._loop.add_signal_handler(signal.SIGTSTP, self._sigtstp_application)


def shell_waits() -> bool:
    """Whether a shell would notice that this process stopped, so that `fg` can continue it.

    There is none over `ssh host dockbook`, in mosh, or behind a forced command: those start a session of its own, or a
    process group that POSIX calls orphaned. The kernel knows, and stops no process of such a group: a child tries it.
    """
    if os.getsid(0) == os.getpid():
        return False
    try:
        child = os.posix_spawn("/bin/sh", ["sh", "-c", "kill -TSTP $$"], {}, setsigmask=(), setsigdef=(signal.SIGTSTP,))
    except OSError:
        return False
    _, status = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True
