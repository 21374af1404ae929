"""The server goes away and comes back while the real app runs with a local copy."""

import asyncio
import shutil
from pathlib import Path

import httpx
import pytest
from textual import events

from tests.harness import AT_ONCE, TIMEOUT, Forward, Intercept, always, json_response, run_app


async def shorten_sleep(seconds: float) -> None:
    """Shorten waits, except the sync's pause between two runs."""
    await asyncio.sleep(0.005 if seconds < 32 else 3600)


#: Short fallback, and a probe at once.
FAST_FALLBACK = AT_ONCE._replace(fallback_after=0.05, probe=0.05, random=lambda: 0.0, sleep=shorten_sleep)


async def refuse_connection(request: httpx.Request, _: Forward) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


async def fail_name_lookup(request: httpx.Request, _: Forward) -> httpx.Response:
    raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)


async def black_hole(request: httpx.Request, _: Forward) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("nothing wakes it")


async def reset_connection(request: httpx.Request, _: Forward) -> httpx.Response:
    raise httpx.ReadError("reset", request=request)


FAULTS: dict[str, Intercept] = {
    "refused": refuse_connection,
    "no such name": fail_name_lookup,
    "black hole": black_hole,
    "reset": reset_connection,
    "502 from a proxy": always(lambda: httpx.Response(502, html="<h1>Bad gateway</h1>")),
    "500": always(lambda: json_response(500, {"statusCode": 500, "error": "internal_error", "message": "No."})),
}


@pytest.mark.promise("N7")
@pytest.mark.parametrize("fault", FAULTS)
async def test_list_survives_outage_and_goes_live_again(fault: str) -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK) as it:
        it.sees("live · 48")
        it.transport.intercept = FAULTS[fault]
        await it.press("f5")
        it.sees("ACME-CORP", "data of", "page 1 of 3")
        it.misses("live")
        await it.until("offline since")
        await it.press("f8")
        it.sees("page 2 of 3", "offline since", "data of")
        first = it.lines[2].split()[1]
        await it.press("enter")
        it.sees(first, "offline since", "data of")
        await it.press("escape")

        await it.store.upsert(first, {"name": "Renamed meanwhile"})
        it.transport.intercept = None
        await it.until("live · 48")
        await it.until("Renamed meanwhile")
        it.sees("page 2 of 3")
        it.misses("data of")


@pytest.mark.promise("N7", "A7")
async def test_rejected_credentials_show_remedy_and_browsing_continues() -> None:
    remedy = "The secret comes from /run/secret: put the new one there and press F5."
    async with run_app(mirror=True, timing=FAST_FALLBACK, credentials_hint=remedy) as it:
        tokens = 0

        async def expired(request: httpx.Request, _: Forward) -> httpx.Response:
            nonlocal tokens
            tokens += request.url.path.endswith("/Token")
            return json_response(401, {"statusCode": 401, "error": "unauthorized", "message": "Expired."})

        it.transport.intercept, it.transport.intercepts_tokens = expired, True
        await it.press("f5")
        it.sees("no access since", "data of", "The login is not accepted")
        assert remedy in " ".join(it.screen_text.split())
        requests_sent = tokens
        await it.press("f8")
        it.sees("page 2 of 3", "data of")
        await it.press("enter", "f2")
        it.sees("Edit ")
        await it.press("escape", "escape")
        assert tokens == requests_sent, "repeated attempts could lock the account"
        it.transport.intercept = None
        await it.press("f5")
        it.sees("live · 48")
        it.misses("data of")


@pytest.mark.parametrize("narrowed", [("a",), ("slash", *"in")])
async def test_refresh_retries_credentials_while_copy_is_shown(
    narrowed: tuple[str, ...],
) -> None:
    remedy = "The secret comes from /run/secret."
    async with run_app(mirror=True, timing=FAST_FALLBACK._replace(probe=5.0), credentials_hint=remedy) as it:
        body = {"statusCode": 401, "error": "unauthorized", "message": "Expired."}
        it.transport.intercept, it.transport.intercepts_tokens = always(lambda: json_response(401, body)), True
        await it.press("f5")
        await it.press(*narrowed)
        await it.until("no access since")
        await it.press("f5")
        await it.until("The login is not accepted")
        assert remedy in " ".join(it.screen_text.split())
        it.transport.intercept = None
        await it.press("f5")
        await it.until("live · 48")
        it.misses("data of", "no access")


@pytest.mark.promise("W1")
async def test_save_never_uses_local_copy() -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK) as it:
        await it.press("enter", "f2")
        await it.store.upsert("ACME-CORP", {"phone": "555-9999", "city": "Elsewhere"})
        it.transport.disconnect()
        await it.press("X", "f10")
        it.sees("cannot be reached", "Edit ACME-CORP")
        it.transport.intercept = None
        await it.press("f10")
        record = await it.record("ACME-CORP")
        assert (record["name"], record["city"]) == ("Acme CorporationX", "Elsewhere")
        cached = await it.app.context.repository.read_customer("ACME-CORP")
        assert cached.customer.city == "Elsewhere"


@pytest.mark.promise("N7")
async def test_paging_does_not_wait_for_hanging_server() -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK) as it:
        it.transport.intercept = black_hole
        await it.press("f8", "f8")
        it.sees("page 3 of 3", "data of")
        await it.press("f7", "f7")
        it.sees("page 1 of 3", "data of")
        assert it.transport.count("GET") < 20


@pytest.mark.promise("N7")
async def test_nothing_is_live_while_server_is_suspect() -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK._replace(probe=3600.0)) as it:
        await it.press("slash", *"bright-mfg")
        it.sees("live")
        it.transport.intercept = black_hole
        await it.press("f5")
        it.sees("live", "as of")
        await it.press_only("enter")
        it.sees("BRIGHT-MFG · ", "data of")
        it.misses("live")
        await it.press()
        it.sees("no answer · data of")
        await it.press("escape")
        it.sees("Find: bright-mfg", "no answer · data of")
        await it.press("escape", "f8")
        it.sees("page 2 of 3", "no answer")


@pytest.mark.promise("D2")
async def test_exit_does_not_wait_for_hanging_server() -> None:
    async with asyncio.timeout(20):
        async with run_app(mirror=True, timing=FAST_FALLBACK) as it:
            it.transport.intercept = black_hole
            await it.press("f5")
            it.sees("data of")


@pytest.mark.promise("N3")
async def test_quit_does_not_wait_for_pending_customer() -> None:
    async with run_app(mirror=False) as it:
        it.transport.intercept = black_hole
        await it.press_only("g", *"NO-ONE", "enter")
        began = it.pilot.app.return_code
        for _ in range(2):
            it.app.post_message(events.Key("ctrl+q", None))
        async with asyncio.timeout(2):
            while it.app.return_code is None:
                await it.pilot.pause()
        assert (began, it.app.return_code) == (None, 0)


@pytest.mark.promise("T7")
async def test_second_f5_starts_full_sync() -> None:
    async with run_app(600, mirror=True) as it:
        before = it.transport.count("GET")
        await it.press("f5", "f5")
        it.sees("Reading all customers again for find")
        repository = it.app.context.repository
        async with asyncio.timeout(20):
            while sum(r.url.params.get("pageSize") == "250" for r in it.transport.requests[before:]) < 3:
                await it.pilot.pause()
        state = await repository.mirror_state()
        assert state is not None
        assert state.row_count == 600


@pytest.mark.promise("N7")
async def test_incomplete_copy_shows_where_it_ends() -> None:
    async def stop_after_first_page(request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.url.params.get("pageSize") == "250" and request.url.params.get("page") != "1":
            await asyncio.Event().wait()
        return await forward()

    async with run_app(600, mirror=True, timing=FAST_FALLBACK, intercept=stop_after_first_page) as it:
        await it.until("loading copy 41%")
        await it.press("ctrl+end")
        it.sees("page 30 of 30", "live")
        it.transport.disconnect()
        await it.press("f5")
        it.sees("page 30 of 30", "The server cannot be reached")
        async with asyncio.timeout(TIMEOUT):
            # While calls still wait for the server, the reason is shown instead.
            while "The local copy has only 250" not in it.screen_text:
                await it.press("f7")
                it.sees("page 30 of 30", "The server cannot be reached")
        await it.press("ctrl+home")
        it.sees("page 1 of 13", "data incomplete", "incomplete")
        await it.press("ctrl+end")
        async with asyncio.timeout(TIMEOUT):
            # The reason is shown once, at an unknown moment.
            while "The local copy ends here. There are more" not in it.screen_text:
                await it.press("f8")
                it.sees("page 13 of 13")
        await it.press("end", "enter", "right")
        it.sees("The local copy ends here")
        it.misses("last customer")


@pytest.mark.promise("N7")
async def test_find_on_empty_copy_reports_missing_server() -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK, intercept=refuse_connection) as it:
        it.sees("The server cannot be reached", "Press F5 to try again.")
        await it.press("slash", *"bright-mfg")
        it.sees('No match for "bright-mfg"', "Searched 0 customers so far; the rest comes when the server answers.")
        it.transport.intercept = None
        await it.until("1 of 48")
        await it.filled()
        await it.press("escape")
        it.sees("live · 48", "ACME-CORP", "page 1 of 3")


async def test_failed_first_page_keeps_page_size() -> None:
    async with run_app(intercept=refuse_connection) as it:
        it.sees("Press F5 to try again.")
        it.transport.intercept = None
        await it.press("f5")
        it.sees("48 customers", "page 1 of 3", "DUNAV-TORG")


@pytest.mark.promise("N7")
async def test_offline_start_shows_local_copy_and_its_age(tmp_path: Path) -> None:
    async with run_app(mirror=True, mirror_file=tmp_path / "m" / "mirror", timing=FAST_FALLBACK) as it:
        listed = [line.rstrip() for line in it.lines[2:16]]
    async with run_app(
        mirror=True, mirror_file=tmp_path / "m" / "mirror", timing=FAST_FALLBACK, intercept=refuse_connection
    ) as it:
        await it.until("offline since")
        it.sees("data of", "48", "page 1 of 3", "from the copy of")
        it.misses("live")
        assert [line.rstrip() for line in it.lines[2:16]] == listed, "a notice may cover the rest"
        await it.press("slash", *"bright", "enter")
        await it.until("inventory@brightmfg.example.com")
        it.sees("offline since", "data of")
        await it.press("escape", "escape")
        it.transport.intercept = None
        await it.until("live")
        it.misses("data of", "offline")


async def test_second_session_reports_other_window_syncs(tmp_path: Path) -> None:
    async with run_app(mirror=True, mirror_file=tmp_path / "m" / "mirror") as it:
        async with run_app(mirror=True, mirror_file=tmp_path / "m" / "mirror") as second:
            await second.press("f5", "f5")
            second.sees("Another dockbook window updates the local copy. Press F5 twice there.")
        await it.press("f5", "f5")
        it.sees("Reading all customers again for find")


@pytest.mark.promise("T7")
async def test_full_sync_request_waits_for_server() -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK) as it:
        it.transport.disconnect()
        await it.press("f5")
        await it.until("The local copy is shown.")
        await it.press("R")
        it.sees("All customers are read again for find when the server answers.")
    async with run_app() as it:
        await it.press("R")
        it.sees("There is no local copy to read again")


@pytest.mark.promise("N3")
async def test_cancelled_reader_leaves_response_to_others() -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK) as it:
        gate = asyncio.Event()

        async def delay_customer(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.url.path.endswith("/ACME-CORP"):
                await gate.wait()
            return await forward()

        it.transport.intercept = delay_customer
        repository = it.app.context.repository
        assert (await repository.read_customer("ACME-CORP")).origin is not None, "the response was late"
        one, two = (asyncio.create_task(repository.read_customer("ACME-CORP")) for _ in range(2))
        await asyncio.sleep(0.01)
        one.cancel()
        await asyncio.wait({one})
        gate.set()
        assert (await two).customer.short_id == "ACME-CORP"


@pytest.mark.promise("N7")
async def test_go_to_from_local_copy_is_not_live() -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK) as it:

        async def silent(request: httpx.Request, forward: Forward) -> httpx.Response:
            requests_sent = request.url.path.endswith("/ACME-CORP")
            return await (black_hole(request, forward) if requests_sent else forward())

        it.transport.intercept = silent
        await it.press("g")
        await it.type("ACME-CORP")
        await it.press("enter")
        await it.until("ACME-CORP · Acme Corporation")
        it.sees("data of")
        it.misses("live")


@pytest.mark.promise("D6")
async def test_deleted_cache_folder_is_recreated(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "mirror"
    async with run_app(mirror=True, mirror_file=path) as it:
        await it.press("slash", *"acme")
        it.sees("1 of 48")
        await it.press("escape")
        shutil.rmtree(path.parent)
        await it.press("f8")
        it.sees("live · 48", "page 2 of 3")
        await it.press("slash", *"acme", "escape", "f5", "f5")
        await it.until("again for find")
        await it.settle()
        await it.press("slash", *"acme")
        await it.until("1 of 48")
        assert path.exists()
        assert path.with_name("mirror.lock").exists()


@pytest.mark.promise("N7")
async def test_offline_notice_disappears_when_server_returns() -> None:
    async with run_app(mirror=True, timing=FAST_FALLBACK) as it:
        it.transport.intercept = refuse_connection
        await it.press("f5")
        await it.until("The local copy is shown.")
        it.transport.intercept = None
        await it.until("live · 48")
        it.misses("The local copy is shown.", "cannot be reached")


async def test_list_under_find_shows_changes_by_others() -> None:
    async with run_app(mirror=True) as it:
        it.sees("live · 48", "555-0100")
        await it.store.upsert("ACME-CORP", {"phone": "999-NEW"})
        # The list below the search is updated too.
        await it.press("slash", *"acme", "f5")
        await it.until("999-NEW")
        await it.press("escape")
        await it.settle()
        it.sees("live · 48", "999-NEW")


async def test_list_and_detail_follow_the_local_copy() -> None:
    async with run_app(mirror=True) as it:
        for text, keys in (("999-NEW", []), ("888-NEW", ["enter"])):
            await it.press(*keys)
            await it.store.upsert("ACME-CORP", {"phone": text})
            it.app.context.repository.check_for_changes()
            await it.until(text)
        it.sees("ACME-CORP · Acme Corporation", "live")
        requests = it.transport.count("GET")
        await it.press("escape")
        it.sees("888-NEW")
        assert it.transport.count("GET") == requests


async def test_own_change_is_shown_after_find() -> None:
    async with run_app(mirror=True) as it:
        await it.press("f2", *["down"] * 8, "9", "f10")
        it.sees("555-01009", "48 customers")
        await it.press("slash", *"bri", "escape")
        it.sees("555-01009", "48 customers")
