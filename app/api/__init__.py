"""Asks the wire: the Customer API over HTTP, with tokens, deadlines and retries."""

import sys

# httpx brings a command line of its own, with click, pygments and more of rich: a tenth of the start. Where that cannot
# be imported httpx goes on without it.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
