"""What a person types to find: words, words of one field (`city:gdansk`), and a status to leave out (`-active`)."""

import re
from typing import Final, NamedTuple

from app.models.fields import ID_FIELD, MAX_ID_LENGTH, Status
from app.text.folding import fold

#: The names of fields that may stand before a colon, and the fields of the contract in which the word may be then.
FIND_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "id": (ID_FIELD,),
    "name": ("name",),
    "city": ("city",),
    "state": ("state",),
    "zip": ("zip",),
    "country": ("country",),
    "phone": ("phone",),
    "fax": ("fax",),
    "email": ("email",),
    "contact": ("contact",),
    "address": ("address1", "address2"),
}
_WITHOUT: Final[dict[str, Status]] = {"-active": "active", "-discontinued": "discontinued"}
#: What stands before a colon and looks like the name of a field.
_NAME: Final = re.compile(r"[^\W\d_]{2,}\w*")
_SHORTEST_COMPLETED: Final = 2


class FindWord(NamedTuple):
    """A folded word that has to be in a field, by its name in `FIND_FIELDS`; in any if that is empty."""

    text: str
    field: str = ""


class FindQuery(NamedTuple):
    """The words of a query, every one of which has to match, and the statuses that are left out."""

    words: tuple[FindWord, ...]
    without: tuple[Status, ...] = ()
    #: What was typed before a colon, folded, and is the name of no field: it was taken for text.
    unknown: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it is words only, which may be an ID or a name."""
        return not self.without and not any(word.field for word in self.words)

    @property
    def plain_text(self) -> str:
        """The words that belong to no field, as they would stand at the beginning of an ID or a name."""
        return " ".join(word.text for word in self.words if not word.field)


def parse_find(text: str) -> FindQuery:
    """Read what a person typed; a colon behind anything but the name of a field is text.

    The word of a field may follow after a blank too.
    """
    words: list[FindWord] = []
    without: list[Status] = []
    unknown: list[str] = []
    field = ""
    for part in fold(text).split():
        name, colon, value = part.partition(":")
        if colon and name in FIND_FIELDS:
            field = "" if value else name
            if value:
                words.append(FindWord(value, name))
            continue
        if not field and part in _WITHOUT:
            without.append(_WITHOUT[part])
            continue
        if colon and _NAME.fullmatch(name):
            unknown.append(name)
        words.append(FindWord(part, field))
        field = ""
    return FindQuery(tuple(words), tuple(dict.fromkeys(without)), tuple(dict.fromkeys(unknown)))


def may_be_new_id(text: str) -> bool:
    """Whether a customer that is not found may be added with this as its ID."""
    query = parse_find(text)
    return query.is_plain and not query.unknown and len(text.strip()) <= MAX_ID_LENGTH


def complete_field(text: str) -> str:
    """Return the text with the field name completed that its last word begins; empty if it begins none, or several."""
    start, last = re.fullmatch(r"(?s)(.*\s|)(\S*)", text).groups()  # type: ignore[union-attr]  # matches any text
    if len(last) < _SHORTEST_COMPLETED:
        return ""
    names = [name for name in FIND_FIELDS if name.startswith(fold(last))]
    return f"{start}{names[0]}:" if len(names) == 1 else ""
