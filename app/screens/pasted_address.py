"""Offers to spread a pasted address over the fields of a form, with a preview of what goes where."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from textual.geometry import Size

from app.models.fields import BY_NAME, ID_FIELD, MAX_FIELD_LENGTH
from app.screens.dialogs import ConfirmDialog
from app.text.pasted_address import PastedAddress, parse_address
from app.text.sanitize import clean_paste, fit, shorten, split_lines
from app.widgets.form_field import SafeInput
from app.widgets.narrow import is_narrow

if TYPE_CHECKING:
    from app.screens.base import BaseScreen
    from app.screens.form_fields import FormFields

#: More lines than this, or longer ones, are no address.
_MOST_LINES: Final = 16
_LABEL_CELLS: Final = 10
_NARROW_LABEL_CELLS: Final = 9
#: The lines of the dialog beside the preview, where answers stand one below the other.
_OTHER_LINES: Final = 6
_REPLACED_CELLS: Final = 30
#: Fields at which the first line is a name in any case.
_BEFORE_ADDRESS: Final = frozenset({ID_FIELD, "name"})


def offer_to_spread(
    screen: "BaseScreen[Any]",
    fields: "FormFields",
    paste: SafeInput.LinesPasted,
    spread: Callable[[Mapping[str, str], str], None],
) -> None:
    """Ask whether pasted lines are to be spread; call `spread` with the fields and a notice, or make them one line.

    Lines that are no address become one line without a question.
    """
    field = fields.current.field
    lines = [line for text in split_lines(paste.text) if (line := clean_paste(text).text.strip())]
    address = _read_address(lines, field)
    if address is None:
        paste.input.insert_paste(paste.text)
        return

    def answered(answer: str | None) -> None:
        if answer == "spread":
            left_out = f" Left out: {', '.join(address.unplaced)}." if address.unplaced else ""
            spread(address.fields, f"Filled in {len(address.fields)} fields.{left_out}")
        else:
            paste.input.insert_paste(paste.text)

    screen.app.push_screen(_spread_dialog(address, len(lines), fields.texts, field, screen.app.size), answered)


def _read_address(lines: Sequence[str], field: str) -> PastedAddress | None:
    """Return what lines that were pasted into this field say of several fields; `None` if that is no address."""
    if not 1 < len(lines) <= _MOST_LINES or max(map(len, lines)) > MAX_FIELD_LENGTH:
        return None
    address = parse_address(lines, with_name=field in _BEFORE_ADDRESS)
    return address if len(address.fields) > 1 else None


def _spread_dialog(
    address: PastedAddress, lines: int, texts: Mapping[str, str], field: str, size: Size
) -> ConfirmDialog:
    """Ask whether to spread the address; `texts` are in the fields now, and the paste was made in `field`."""
    preview = _preview(address, texts, narrow=is_narrow(size.width))
    most = max(1, size.height - _OTHER_LINES)
    if len(preview) > most:
        preview[most - 1 :] = [f"… and {len(preview) - most + 1} more"]
    return ConfirmDialog(
        f"Spread {lines} lines over the fields?",
        [shorten(line, size.width - 2) for line in preview],
        {"one": "One field" if is_narrow(size.width) else f"One field ({BY_NAME[field].label})", "spread": "Spread"},
        escape="one field",
    )


def _preview(address: PastedAddress, texts: Mapping[str, str], *, narrow: bool) -> list[str]:
    """Return what goes where, a line each; what it replaces is named, where there is little room by a sign."""
    shown = []
    replaces_any = False
    for name, field in BY_NAME.items():
        before, after = texts.get(name, ""), address.fields.get(name, "")
        label = fit(field.label, _NARROW_LABEL_CELLS if narrow else _LABEL_CELLS)
        if after:
            replaces = before not in ("", after)
            replaces_any |= replaces
            remark = f"  (replaces {shorten(before, _REPLACED_CELLS)})" if replaces and not narrow else ""
            shown.append(f"{'!' if replaces and narrow else ' ' if narrow else ''}{label} {after}{remark}")
        elif before and field.group == "Where" and not narrow:
            # Of another address, perhaps.
            shown.append(f"{label} {before}  (stays)")
    indent = " " if narrow else ""
    shown += [
        f"{indent}{fit('Left out', _NARROW_LABEL_CELLS if narrow else _LABEL_CELLS)} {one}" for one in address.unplaced
    ]
    return [*shown, *(["! replaces a value"] if replaces_any and narrow else [])]
