"""Pages without totals, with repeated IDs, or too large: every customer is reached once."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.api.body import MAX_BODY
from app.models.fields import PageRequest
from tests.harness import Forward, Intercept, json_response, run_app


def change_pages(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Intercept:
    """An intercept that changes every page."""

    async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
        response = await forward()
        if not request.url.path.endswith("/All") or response.status_code != 200:
            return response
        await response.aread()
        return json_response(200, change(json.loads(response.content)))

    return intercept


@pytest.mark.promise("T6")
@pytest.mark.parametrize("total", [None, -1, "48", [], 4.8])
@pytest.mark.parametrize("more", [None, False, "yes"])
async def test_full_page_without_totals_is_not_last(total: object, more: object) -> None:
    totals = {"totalCount": total, "pageCount": total, "hasMore": more}
    async with run_app(60, intercept=change_pages(lambda page: page | totals)) as it:
        it.sees("total unknown · page 1 ")
        await it.press("f8", "f8")
        it.sees("page 3 ")
        it.misses("last page")
        await it.press("f8")
        it.sees("This is the last page: the server has nothing on page 4.", "page 3 ")
        await it.press("f7")
        it.sees("page 2 ")


@pytest.mark.promise("T6")
async def test_repeated_id_on_page_is_one_row() -> None:
    def twice(page: dict[str, Any]) -> dict[str, Any]:
        value = page["value"]
        return page | {"value": [value[0], *value[:-1]]}

    async with run_app(intercept=change_pages(twice)) as it:
        it.sees("The server sent ACME-CORP twice on this page")
        assert sum(line[2:].startswith("ACME-CORP ") for line in it.lines) == 1
        await it.press("down", "enter")
        it.misses("ACME-CORP")


@pytest.mark.promise("N4")
@pytest.mark.parametrize("mirror", [False, True])
async def test_oversized_page_is_loaded_in_parts(mirror: bool) -> None:
    def swell(page: dict[str, Any]) -> dict[str, Any]:
        return page | {"padding": " " * MAX_BODY} if len(page["value"]) > 10 else page

    async with run_app(intercept=change_pages(swell), mirror=mirror) as it:
        if mirror:
            await it.filled()
        it.sees("too large: dockbook now asks for 10 customers at a", "live · 48", "page 1 of 3")
        await it.press("f8")
        it.sees("live · 48", "page 2 of 3")
        it.misses("offline", "cannot be reached")
        page = await it.app.context.repository.page(PageRequest(page_size=250), ahead=False)
        assert len(page.rows) == 48


@pytest.mark.promise("N4")
async def test_oversized_responses_do_not_mean_offline() -> None:
    async with run_app(intercept=change_pages(lambda page: page | {"padding": " " * MAX_BODY})) as it:
        it.sees("The answer is too large", "32 MiB", "live")
        it.misses("offline", "cannot be reached")
        it.transport.intercept = None
        await it.press("f5")
        it.sees("48 customers")
