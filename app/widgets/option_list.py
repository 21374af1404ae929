"""Something to choose from, with a bar on what is chosen that can be seen without colours too."""

from rich.segment import Segment
from textual.strip import Strip
from textual.style import Style
from textual.widgets import OptionList

from app.text.sanitize import width

_CHOSEN = "option-list--option-highlighted"


class ReverseOptionList(OptionList):
    """Textual's list of options, in the looks of the style sheet: it leaves out what those say of reverse."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        style = super().get_visual_style(*component_classes, partial=partial)
        reverse = _CHOSEN in component_classes and self.get_component_styles(_CHOSEN).text_style.reverse
        return style + Style(reverse=True) if reverse else style

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if not any(segment.style is not None and segment.style.reverse for segment in strip):
            return strip
        # The bar ends where the text does: blanks in reverse are bytes too.
        bar = strip.crop(0, width(strip.text.rstrip()) + 1)
        return Strip([*bar, Segment(" " * (strip.cell_length - bar.cell_length), self.rich_style)], strip.cell_length)
