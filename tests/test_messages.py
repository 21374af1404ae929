"""The list of all texts is complete, and they use one word for a thing."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from app.errors import CustomerExists
from app.screens.detail import DetailScreen

DOCS = Path(__file__).parents[1] / "docs"
#: What whoever serves customers to others reads, and what the screens of a warehouse never show.
FOR_ADMINISTRATORS = ("api/auth.py", "backends.py", "cli.py", "config/", "mirror/", "models/", "service/", "storage/")


class Message(NamedTuple):
    """A text, and where it stands."""

    file: str
    line: int
    text: str


@pytest.fixture(scope="module")
def messages() -> Sequence[Message]:
    """All texts of the program."""
    spec = importlib.util.spec_from_file_location("messages", DOCS / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [Message(*message) for message in module.messages()]


@pytest.mark.parametrize(
    "text",
    [
        "Nothing to undo.",
        "Discontinue this customer?",
        "Keep",
        "Saved {who}{what}{how}.",
        CustomerExists("{short_id}").text,
        " ".join(DetailScreen.HELP_TEXT.split()),
        "{short_id} is now discontinued.",
        "Find while you type, in all fields",
        "There is no credential {name}. See: dockbook credential list",
    ],
)
def test_list_has_texts_of_every_kind(messages: Sequence[Message], text: str) -> None:
    assert text in [message.text for message in messages]


def test_list_has_nothing_else(messages: Sequence[Message]) -> None:
    code = re.compile(r"\bSELECT\b|\bWHERE\b|\bself\b|\$accent|\(\?|move\(|screen\.|app\.")
    assert [message for message in messages if code.search(message.text)] == []


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        (r"mirror", "local copy"),
        (r"records?", "customer, or what the server has"),
        (r"delet\w+", "discontinue, or discard for a draft"),
        (r"remov\w+ (the|a) customer", "discontinue"),
        (r"untick\w*|select(ed)? customers", "mark"),
        (r"tells?|told", "show, say"),
        (r"[Ss]omebody", "someone"),
        (r"in progress|please try|invalid|illegal|aborted?|unable|oops", "what happened, and what to do next"),
    ],
)
def test_a_thing_has_one_name(messages: Sequence[Message], word: str, instead: str) -> None:
    # The palette knows what others call a thing.
    elsewhere = (*FOR_ADMINISTRATORS, "screens/palette.py")
    shown = [one for one in messages if not one.file.startswith(elsewhere)]
    assert len(shown) > 500
    assert [one for one in shown if re.search(rf"\b({word})\b", _words(one.text))] == [], f"say {instead}"


def test_sentences_are_short(messages: Sequence[Message]) -> None:
    sentences = [
        (one.file, one.line, sentence)
        for one in messages
        if not one.file.startswith(FOR_ADMINISTRATORS)
        for sentence in re.split(r"[.:;?!]\s", one.text)
    ]
    assert [sentence for sentence in sentences if len(sentence[2].split()) > 30] == []


def _words(text: str) -> str:
    """The text without what is put into it."""
    return re.sub(r"\{[^{}]*\}", "", text)
