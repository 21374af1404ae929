"""Where the style sheets are."""

from pathlib import Path
from typing import Final

#: The folder beside the package, in the sources and in the wheel alike.
STYLES: Final = Path(__file__).parents[2] / "styles"
