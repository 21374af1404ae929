"""What an administrator sees of a session: never a customer."""

from typing import NamedTuple


class SessionRow(NamedTuple):
    """A line of `dockbook ssh --who`."""

    name: str
    place: str
    since: str
    idle: str
    size: str
    screen: str
    terminal: str
