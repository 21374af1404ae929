"""Stopping and going on: ctrl+z gives the terminal back as it was, and `fg` finds the whole screen again."""

import os
import signal
from typing import Any

from textual.app import App

from app.terminal.input_driver import InputDriver
from app.terminal.signals import in_background


class SuspendingDriver(InputDriver):
    """Textual's driver, which also comes back when it was stopped without being asked (SIGSTOP).

    Textual's own would then start a second reader and writer beside the first, and take the modes of its own screen
    for those to leave behind at the end.
    """

    suspended = False
    _drawing = False

    def __init__(self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None):
        super().__init__(app, debug=debug, mouse=mouse, size=size)
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

    def suspend_application_mode(self) -> None:
        super().suspend_application_mode()
        self.suspended = True

    def resume_application_mode(self) -> None:
        super().resume_application_mode()
        self.suspended = False
        # Somebody else has written on the terminal since.
        self._app.call_later(self._app.refresh, layout=True)

    def _sigtstp_application(self, *_: Any) -> None:
        if self._auto_restart and self._drawing:
            self.suspend_application_mode()
            self._must_signal_resume = True
        os.kill(os.getpid(), signal.SIGSTOP)

    def _sigcont_application(self, *_: Any) -> None:
        if not self._auto_restart or not (self._drawing or self.suspended):
            return
        if in_background():
            # The terminal belongs to somebody else: `bg` does not make a program with screens run.
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        if not self.suspended:
            self.suspend_application_mode()
        self.resume_application_mode()
