"""dockbook: the address book of the loading dock, for hands on a keyboard."""

__version__ = "0.1.0"
