"""The command palette: all that can be done on a screen, by use, found by its name or by what others call it."""

from collections.abc import Mapping, Sequence
from typing import Final

from textual.content import Content

from app.screens.base import Command
from app.screens.select_dialog import Choice, SelectDialog
from app.text.sanitize import fit, sanitize, shorten, width
from app.widgets.key_names import Action, key_name
from app.widgets.narrow import is_narrow

#: The most used first; what is in neither list stands between them.
_FIRST: Final = (
    *("save", "open", "find", "edit", "new", "copy", "copy-all", "copy-address", "sort", "status-filter", "go-to"),
    *("recent", "next-page", "previous-page", "next-customer", "previous-customer", "discontinue", "undo"),
    *("duplicate", "mark", "marked", "set-field", "discontinue-all", "export", "preview", "columns", "page-size"),
    *("refresh", "my-changes", "drafts", "choices", "restore", "save-filter"),
)
_LAST: Final = (
    *("read-all", "help", "test-scanner", "first-page", "last-page", "find-rows", "find-leave", "leave"),
    *("suspend", "quit"),
    *("row-down", "row-up", "row-first", "row-last", "screen-down", "screen-up"),
    *("field-down", "field-up", "field-first", "field-last", "field-page-down", "field-page-up"),
    *("form-down", "form-up"),
)

#: What people look for under other names.
_SYNONYMS: Final[Mapping[str, Sequence[str]]] = {
    "open": ("show", "view", "details", "phone", "call", "fax", "address", "email", "customer"),
    "find": ("search", "look up", "name", "phone", "grep"),
    "edit": ("change", "modify", "correct", "phone", "fax", "email", "address", "update", "rename"),
    "new": ("add", "create", "insert", "customer"),
    "copy": ("clipboard", "yank", "print", "paste", "phone", "call", "fax", "email"),
    "copy-all": ("clipboard", "print", "label", "paste", "record"),
    "copy-address": ("clipboard", "print", "label", "envelope", "paste"),
    "sort": ("order", "arrange", "alphabet"),
    "status-filter": ("show", "hide", "active", "discontinued", "status"),
    "go-to": ("jump", "scan", "barcode", "position"),
    "duplicate": ("copy", "clone", "second address", "same"),
    "preview": ("details", "side", "split", "view"),
    "discontinue": ("delete", "remove", "deactivate", "end", "erase", "close"),
    "undo": ("revert", "put back", "mistake", "take back"),
    "mark": ("select", "tick", "choose", "tag"),
    "marked": ("select", "ticked", "tagged", "several"),
    "recent": ("last", "history", "opened", "before", "back", "again"),
    "set-field": ("change all", "bulk", "several", "mass"),
    "discontinue-all": ("delete", "remove", "bulk", "several"),
    "find-doubles": ("duplicate", "twice", "same", "merge"),
    "save-filter": ("bookmark", "favourite", "remember", "keep", "store"),
    "remove-filter": ("delete filter", "bookmark"),
    "export": ("save as", "csv", "excel", "xlsx", "json", "download", "file", "print"),
    "columns": ("fields", "view", "settings", "width"),
    "page-size": ("lines", "settings"),
    "refresh": ("reload", "update", "again"),
    "read-all": ("reload", "synchronise", "download", "local copy"),
    "my-changes": ("history", "log", "edited", "saved"),
    "drafts": ("unsaved", "unfinished", "restore", "lost"),
    "save": ("store", "write", "send", "submit", "ok"),
    "choices": ("list", "values", "country"),
    "restore": ("undo", "reset", "revert"),
    "help": ("manual", "keys", "shortcuts", "?"),
    "test-scanner": ("barcode", "settings", "setup"),
    "leave": ("exit", "quit", "close", "end", "back", "cancel"),
    "find-leave": ("cancel", "clear", "back", "close"),
    "quit": ("exit", "leave", "end", "close", "log out", "logout"),
    "suspend": ("shell", "background", "stop"),
    "next-page": ("forward", "more"),
    "previous-page": ("back",),
    "first-page": ("top", "begin", "start"),
    "last-page": ("bottom", "end"),
}

_MOST_FOR_KEYS: Final = 20


class PaletteDialog(SelectDialog):
    """Asks what to do; the answer is the id of an action, which has keys, or of a command, which has none."""

    def __init__(self, actions: Sequence[Action], commands: Sequence[Command] = ()) -> None:
        entries: list[Action | Command] = sorted((*actions, *commands), key=by_use)
        self._entries = {entry.id: entry for entry in entries if entry.id != "palette"}
        self._found_by: dict[str, str] = {}
        choices = [
            Choice(name, entry.label if isinstance(entry, Command) else entry.title)
            for name, entry in self._entries.items()
        ]
        super().__init__("All commands", choices, "", search=True)

    async def run(self, name: str) -> None:
        """Do what has this id."""
        entry = self._entries[name]
        if isinstance(entry, Command):
            entry.run()
        else:
            await self.app.run_action(entry.action, entry.node)

    def matches(self, typed: str) -> Sequence[Choice]:
        """Return what is called so, best first, then what others call so, and remember by which word."""
        words = typed.casefold().split()
        self._found_by = {}
        ranked = []
        for choice in self._choices:
            found = [_rank(word, choice, _SYNONYMS.get(choice.key, ())) for word in words]
            ranks = [rank for rank in found if rank is not None]
            if len(ranks) == len(words):
                rank, synonym = (-1, "") if _is_name(words, choice) else max(ranks, default=(0, ""))
                self._found_by[choice.key] = synonym
                ranked.append((rank, choice))
        return [choice for _, choice in sorted(ranked, key=lambda hit: hit[0])]

    def lines(self, choices: Sequence[Choice]) -> Sequence[Content]:
        """Return `delete → Discontinue   Del  d`, in the columns of the screen."""
        keys = {choice.key: self._keys(choice.key) for choice in choices}
        labels = {
            choice.key: f"{synonym} → {choice.label}" if (synonym := self._found_by.get(choice.key)) else choice.label
            for choice in choices
        }
        # Keys have their room first, and remarks what the names leave.
        for_keys = max((width(keys[name]) for name in keys if isinstance(self._entries[name], Action)), default=0)
        widest = min(max(map(width, labels.values()), default=0), self.cells - for_keys - 4)
        if is_narrow(self.cells):
            # A name is read whole, in more lines if need be, and its key behind it.
            return [Content(f"{label}  {keys[name]}".rstrip()) for name, label in labels.items()]
        # What a command is about may take the cells that are left.
        remarks = {name: entry.remark for name, entry in self._entries.items() if isinstance(entry, Command)}
        shown = keys | {
            name: shorten(sanitize(remarks[name]), self.cells - widest - 4) for name in keys.keys() & remarks.keys()
        }
        return [Content(f"{fit(labels[name], widest)}  {beside}".rstrip()) for name, beside in shown.items()]

    def _keys(self, name: str) -> str:
        entry = self._entries[name]
        if isinstance(entry, Command):
            return "" if is_narrow(self.cells) else shorten(sanitize(entry.remark), _MOST_FOR_KEYS)
        keys = entry.keys[:1] if is_narrow(self.cells) else entry.keys
        return shorten("  ".join(map(key_name, keys)), _MOST_FOR_KEYS)


def by_use(entry: Action | Command) -> int:
    """The place of an action in an order by use."""
    name = entry.id
    if name in _FIRST:
        return _FIRST.index(name)
    return len(_FIRST) + (1 + _LAST.index(name) if name in _LAST else 0)


def _is_name(words: Sequence[str], choice: Choice) -> bool:
    """Return whether these words are all of a command's name, or of what it is about: `Open filter: active`."""
    label = choice.label.casefold()
    return bool(words) and words in (label.split(), label.partition(": ")[2].split())


def _rank(word: str, choice: Choice, synonyms: Sequence[str]) -> tuple[int, str] | None:
    """Return how well a word fits a command, best 0, and the synonym that it fits."""
    label = choice.label.casefold()
    if label.startswith(word):
        return 0, ""
    if f" {word}" in label or choice.key.startswith(word):
        return 1, ""
    synonym = next((one for one in synonyms if any(part.startswith(word) for part in (one, *one.split()))), None)
    if synonym is not None:
        return 2, synonym
    return (3, "") if word in label else None
