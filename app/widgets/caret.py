"""Where the terminal's cursor stands: on what has the focus, because a screen reader reads what is under it."""

from textual.geometry import NULL_OFFSET, Offset
from textual.widget import Widget
from textual.widgets import Input, OptionList

from app.textual_private import line_of_option


def caret_offset(widget: Widget | None) -> Offset:
    """Return where the cursor stands while the widget is the current one; `NULL_OFFSET` without one.

    A widget's `caret_line` is its current line, from 0 at its top; one without is taken as a whole.
    """
    if widget is None or not widget.display:
        return NULL_OFFSET
    if isinstance(widget, Input):
        # Behind the text Textual's is a cell too far.
        return widget.cursor_screen_offset - Offset(widget.cursor_at_end, 0)
    region = widget.content_region
    if isinstance(widget, OptionList):
        line = 0 if widget.highlighted is None else line_of_option(widget, widget.highlighted) - widget.scroll_offset.y
    else:
        line = int(getattr(widget, "caret_line", 0))
    return region.offset + Offset(0, max(0, min(line, region.height - 1)))
