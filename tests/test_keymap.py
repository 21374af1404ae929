"""A key for an action that does not exist is told, not ignored."""

import pytest

from app.errors import SettingsError
from app.keymap import check_keymap


def test_the_actions_of_every_screen_are_known() -> None:
    check_keymap(["help", "edit", "save", "leave", "quit", "row-down", "choices"])


@pytest.mark.parametrize(("name", "said"), [("discontinu", "Did you mean discontinue?"), ("zzz", "Known are: ")])
def test_an_unknown_action_is_told(name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=r"\[keys\]") as refused:
        check_keymap(["edit", name])
    assert said in refused.value.text
