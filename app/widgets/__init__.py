"""The widgets, one file each: they show models, send messages, and know nothing of networks or files."""
