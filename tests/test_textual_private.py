"""Textual still has every private name that `app.textual_private` uses."""

import inspect
import re
from pathlib import Path

import pytest
from textual.app import App
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget

from app import textual_private
from app.textual_private import OVERRIDDEN, XTermParser, is_idle, key_of_character, keys_of_sequence, lines_are_current

#: What the functions reach for, by class; instance attributes are looked for in the class's source.
USED = {
    XTermParser: ("_sequence_to_key_events",),
    MessagePump: ("_parent", "_message_queue"),
    App: ("_handle_exception", "_exception", "_exit_renderables", "_close_messages_no_wait"),
    LinuxDriver: ("_writer_thread", "_auto_restart", "_must_signal_resume", "_mouse"),
    WriterThread: ("_queue",),
    Widget: ("_styles_cache", "_set_dirty"),
    Screen: ("_compositor", "_dirty_widgets"),
}


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for names in (USED, OVERRIDDEN) for owner in names for name in names[owner]]
)
def test_private_name_exists(owner: type, name: str) -> None:
    sources = [inspect.getsource(base) for base in owner.__mro__ if base.__module__.startswith("textual")]
    assert hasattr(owner, name) or any(f"self.{name}" in source for source in sources)


async def test_private_names_mean_what_they_did() -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert is_idle(app.screen)
        assert lines_are_current(app.screen) in (True, False)
        assert textual_private.exception_of(app) is None
        assert textual_private.parent_of(app.screen) is app
        textual_private.note_update(app.screen, app.screen)
    assert [key.key for key in keys_of_sequence(XTermParser(), "\x1b[A")] == ["up"]
    assert key_of_character("?") == "question_mark"


def test_no_other_module_uses_private_names() -> None:
    own = re.compile(r"noqa: SLF001|from textual\._|import _[a-z]")
    root = Path(textual_private.__file__).parent
    users = {path for path in root.rglob("*.py") if own.search(path.read_text(encoding="utf-8"))}
    assert users == {root / "textual_private.py", root / "ssh" / "asyncssh_private.py"}
