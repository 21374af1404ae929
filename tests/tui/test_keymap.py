"""The `[keys]` table of the config file is checked before the screens open."""

import pytest

from app.errors import SettingsError
from app.tui.keymap import check_keymap


def test_valid_keymap_is_accepted() -> None:
    check_keymap(
        {"help": "f1", "edit": "f2,ctrl+e", "save": "f10,ctrl+s", "quit": "ctrl+x", "row-down": "j", "sort": "o"}
    )
    check_keymap({"edit": "f8", "next-page": "f2"})


@pytest.mark.parametrize(
    ("keymap", "expected_text"),
    [
        ({"edti": "f2"}, "Did you mean edit?"),
        ({"zzzzzz": "f2"}, "Known are: "),
        ({"edit": "f99x"}, "'f99x' is not a key"),
        ({"edit": "alt+e"}, "is not a key"),
        ({"edit": "f2,"}, "'' is not a key"),
        ({"edit": "f8"}, "f8 would mean both"),
        ({"edit": "enter"}, "enter would mean both open and edit"),
        ({"edit": "?"}, "would mean both"),
        ({"edit": "<"}, "would mean both"),
        ({"edit": "page_up"}, "is not a key"),
        ({"edit": "left_square_bracket"}, "do not send"),
        ({"edit": "ctrl+j"}, "do not send"),
        ({"save": "x"}, "needed in fields"),
        ({"save": "enter"}, "needed in fields"),
        ({"quit": "space"}, "needed in fields"),
    ],
)
def test_invalid_keymap_is_reported(keymap: dict[str, str], expected_text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_keymap(keymap)
    assert expected_text in refused.value.text
