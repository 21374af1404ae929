"""The folded text in which a customer is searched, and the terms a query consists of.

The text holds every word of the searched fields with `END` after it, then the mark of the status; the digits of phone
and fax numbers are held apart. Words are what stands between white space. `END` and the marks are white space, so no
word that a person types can contain one.
"""

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.mirror.rows import SEPARATOR, TEXT_FIELDS, join_fields
from app.models.fields import Status
from app.models.find_query import FIND_FIELDS, parse_find
from app.text.folding import BROKEN, as_phone_digits, fold, numbers_of_each, phone_numbers

#: Follows each word, so that its last one and two letters begin a trigram too.
END: Final = "\n\n"
STATUS_MARKS: Final[dict[bool | None, str]] = {True: "\x1c" * 3, False: "\x1d" * 3, None: ""}
#: Words of fewer letters are no trigram.
TRIGRAM: Final = 3

_FIELDS: Final = len(TEXT_FIELDS)
_WITH_NUMBERS: Final = ("phone", "fax")
_PHONE: Final = TEXT_FIELDS.index("phone")
_FAX: Final = TEXT_FIELDS.index("fax")
#: FTS5 reads these two as the replacement character.
_NONCHARACTERS: Final = re.compile("[\ufffe\uffff]")
_PUNCTUATION: Final = bytes(32 if chr(byte) in string.punctuation or byte < 32 else byte for byte in range(256))


class SearchText(NamedTuple):
    """What a customer is searched in: `numbers` are the digits of phone and fax, `fields` the fields by themselves."""

    text: str
    numbers: str
    folded_id: str
    folded_name: str
    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """One word of a query; `digits` count in phone and fax numbers only, any of the `variants` counts as the word.

    With a `field`, a name of `FIND_FIELDS`, the word has to be there; without, in any. A status that is `excluded` is
    one that a customer must not have.
    """

    text: str
    digits: str = ""
    variants: tuple[str, ...] = ()
    field: str = ""
    excluded: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields of the contract that the word may be in; none if that may be any."""
        return FIND_FIELDS.get(self.field, ())

    @property
    def is_anywhere(self) -> bool:
        """Whether the index of search texts alone can answer."""
        return not self.field and not self.excluded

    @property
    def is_status(self) -> bool:
        """Whether this is the mark of a status, and not a word."""
        return self.text in STATUS_MARKS.values()

    @property
    def is_short(self) -> bool:
        """Whether the word is shorter than a trigram."""
        return len(self.text) < TRIGRAM

    def matches(self, found: SearchText) -> bool:
        """Whether the customer holds the word."""
        if self.excluded:
            return self.text not in found.text
        if self.field:
            return any(self.is_in(column, found.fields[TEXT_FIELDS.index(column)]) for column in self.columns)
        if self.text in found.text or self.text in found.numbers:
            return True
        if self.digits and self.digits in found.numbers:
            return True
        return any(variant in found.text or variant in found.numbers for variant in self.variants)

    def is_in(self, column: str, folded: str) -> bool:
        """Whether the word is in the folded text of this field."""
        words = (self.text, *self.variants)
        if any(word in folded for word in words):
            return True
        if column not in _WITH_NUMBERS:
            return False
        digits = [self.digits, *(word for word in words if word.isdigit())]
        return any(part in number for number in phone_numbers(folded) for part in digits if part)


def fold_field(text: str) -> str:
    """One field folded, as it is in the `fields` of a `SearchText`."""
    return fold(text if text.isascii() else _NONCHARACTERS.sub(BROKEN, text))


def parse_query(find: str, status: Status = "all") -> tuple[SearchTerm, ...]:
    """The terms that a customer must match, the longest first."""
    query = parse_find(find)
    words = ((_NONCHARACTERS.sub(BROKEN, word), field) for word, field in query.words)
    terms = [
        SearchTerm(word, as_phone_digits(word) if not word.isdigit() else "", field=field) for word, field in words
    ]
    terms.sort(key=lambda term: -len(term.text))
    if status != "all":
        terms.append(SearchTerm(STATUS_MARKS[status == "active"]))
    terms += [SearchTerm(STATUS_MARKS[status == "active"], excluded=True) for status in query.without]
    return tuple(dict.fromkeys(terms))


def matches_all(terms: Iterable[SearchTerm], found: SearchText) -> bool:
    """Whether the customer matches every term."""
    return all(term.matches(found) for term in terms)


def build_search_text(texts: Iterable[str], active: bool | None) -> SearchText:  # a value of the contract
    """The search text of one customer; `texts` are its fields in the order of `TEXT_FIELDS`."""
    (found,) = build_search_texts([(join_fields(texts), active)])
    return found


def build_search_texts(customers: Sequence[tuple[str, bool | None]]) -> list[SearchText]:
    """The search texts of many customers, whose fields come joined.

    What can be asked of a text is asked once of all of them together, which takes a third of the time.
    """
    whole = SEPARATOR.join([texts for texts, _ in customers]).replace("\x00", BROKEN)
    if whole.isascii():
        fields = whole.lower().split(SEPARATOR)
    else:
        # Encoded, only ASCII becomes lower case; the rest is left to `fold`.
        encoded = _NONCHARACTERS.sub(BROKEN, whole).encode(errors="surrogatepass")
        lowered = encoded.lower().decode(errors="surrogatepass")
        fields = [text if text.isascii() else fold(text) for text in lowered.split(SEPARATOR)]
    phones, faxes = fields[_PHONE::_FIELDS], fields[_FAX::_FIELDS]
    numbers = numbers_of_each([f"{phone}x{fax}" for phone, fax in zip(phones, faxes, strict=True)])
    found = []
    for at, (_, active) in enumerate(customers):
        own = fields[at * _FIELDS : (at + 1) * _FIELDS]
        text = END.join([*" ".join(own).split(), STATUS_MARKS[active]])
        digits = numbers[at]
        found.append(
            SearchText(
                text,
                END.join([*digits.split(), ""]) if digits else "",
                " ".join(own[0].split()),
                " ".join(own[1].split()),
                own,
            )
        )
    return found


def folded_prefix(text: str) -> str:
    """An ID or a name as it is looked up by its beginning."""
    return " ".join(fold(text).split())


def strip_punctuation(text: str) -> list[bytes]:
    """The words of a search text or a query in UTF-8, cut at punctuation."""
    return text.encode().translate(_PUNCTUATION).split()
