"""The line under the search bar: what the names of fields in it do."""

from app.models.fields import BY_NAME
from app.models.find_query import FIND_FIELDS, parse_find
from app.text.sanitize import sanitize

#: What is typed to be shown all fields; it is not searched for.
HELP_QUERY = "?"


def find_help(typed: str) -> str:
    """Return the line about what is typed; empty for plain words."""
    text = typed.strip()
    names = ", ".join(FIND_FIELDS)
    if text == HELP_QUERY:
        return f"One field: city:gdansk. Fields: {names}. Without: -active, -discontinued."
    query = parse_find(text)
    if query.unknown:
        return f"No field '{sanitize(query.unknown[0])}': use -active, -discontinued, {names}."
    fields = dict.fromkeys(word.field for word in query.words if word.field)
    parts = [f"{name}: is in {_label(name)} only" for name in fields]
    parts += [f"{status} left out" for status in query.without]
    if not parts and text.endswith(":") and text.split()[-1].removesuffix(":").lower() in FIND_FIELDS:
        parts = [f"{text.split()[-1]} type what to find in it"]
    return f"{' · '.join(parts)} · ? alone lists the fields" if parts else ""


def _label(name: str) -> str:
    return BY_NAME[FIND_FIELDS[name][0]].label
