"""Every private name of Textual that dockbook uses; `tests/test_textual_private.py` fails first if one moves.

Subclasses also override some private methods: they are listed in `OVERRIDDEN`.
"""

import sys
from typing import TYPE_CHECKING, Any, Final

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.keys import _character_to_key as key_of_character
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from rich.console import RenderableType
    from textual import events
    from textual.geometry import Region
    from textual.widgets import OptionList

__all__ = ["ANSI_SEQUENCES_KEYS", "FUNCTIONAL_KEYS", "XTermParser", "key_of_character"]

#: Private methods and attributes of Textual's classes that subclasses here override or set.
OVERRIDDEN: Final[dict[type, tuple[str, ...]]] = {
    App: ("_fatal_error", "_driver", "_exception"),
    Screen: ("_on_update",),
    Driver: ("_size",),
    LinuxDriver: (
        *("_query_in_band_window_resize", "_request_terminal_sync_mode_support", "_get_terminal_size"),
        *("_sigtstp_application", "_sigcont_application"),
    ),
}


def keys_of_sequence(parser: XTermParser, sequence: str) -> "Iterable[events.Key]":
    """Return the keys of a character or an escape sequence, on whichever terminal. Raises ValueError, OverflowError."""
    return parser._sequence_to_key_events(sequence)  # noqa: SLF001


def parent_of(node: MessagePump) -> MessagePump | None:
    """Return the parent, also of a widget that has left its screen."""
    return node._parent  # noqa: SLF001


def is_idle(node: MessagePump) -> bool:
    """Whether the node has no message and works on none: it waits for its queue to announce one."""
    waiters: Iterable[asyncio.Future[bool]] = node._message_queue.ready_event._waiters  # noqa: SLF001
    return not node.is_running or any(not waiter.done() for waiter in waiters)


def handle_exception(app: App[Any], error: Exception) -> None:
    """Let the app end with this error, as after one in a widget."""
    app._handle_exception(error)  # noqa: SLF001


def exception_of(app: App[Any]) -> Exception | None:
    """Return the error that the app ends with."""
    return app._exception  # noqa: SLF001


def print_at_exit(app: App[Any], renderable: "RenderableType") -> None:
    """Print this once the terminal is the shell's again, and end the app."""
    app._exit_renderables.append(renderable)  # noqa: SLF001


def keep_standard_streams(app: App[Any]) -> None:
    """Leave `sys.stdout` and `sys.stderr` as they are while the app runs: those of apps that overlap would stay."""
    app._capture_stdout, app._capture_stderr = sys.stdout, sys.stderr  # type: ignore[assignment]  # noqa: SLF001


def keep_task_factory(loop: "asyncio.AbstractEventLoop") -> None:
    """Keep apps from making all tasks of the loop eager (Python 3.12): asyncssh's connections would hang."""
    loop.set_task_factory = lambda factory: None  # type: ignore[method-assign]


def share_parsed_styles(app: App[Any], parsed: Any) -> object:
    """Let the app use the styles that another one parsed from the same files, if there are any; return the app's."""
    if parsed is not None:
        app.stylesheet._parse_cache = parsed  # noqa: SLF001
    return app.stylesheet._parse_cache  # noqa: SLF001


def close_messages(app: App[Any]) -> None:
    """End the app's message loop."""
    app._close_messages_no_wait()  # noqa: SLF001


def is_writing(driver: LinuxDriver) -> bool | None:
    """Whether output still waits for the terminal; `None` if nothing writes any more."""
    thread = driver._writer_thread  # noqa: SLF001
    if thread is None or not thread.is_alive():
        return None
    return bool(thread._queue.qsize())  # noqa: SLF001


def lines_are_current(widget: Widget) -> bool:
    """Whether nothing about the widget's lines has changed since they were rendered."""
    cache = widget._styles_cache  # noqa: SLF001
    return bool(cache._cache) and not cache._dirty_lines  # noqa: SLF001


def mark_dirty(widget: Widget, *regions: "Region") -> None:
    """Have these regions rendered again, without the messages that `refresh` sends."""
    widget._set_dirty(*regions)  # noqa: SLF001


def line_of_option(options: "OptionList", index: int) -> int:
    """Return the first line of an option among all lines of the list."""
    return options._index_to_line.get(index, 0)  # noqa: SLF001


def note_update(screen: Screen[Any], widget: Widget) -> None:
    """Note that the widget wants to be painted, if it is on the screen."""
    if screen in screen._compositor:  # noqa: SLF001
        screen._dirty_widgets.add(widget)  # noqa: SLF001
