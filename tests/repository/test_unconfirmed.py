"""Saves with unclear responses, and reads that lag behind writes."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.errors import DockbookError, EditConflict, NotSaved, OutcomeUnknown
from app.models.fields import PageRequest
from app.repository.writer import SaveObserver
from tests.fakes import CallbackListener
from tests.harness import Forward, json_response
from tests.repository.test_repository import RepositoryHarness, open_repository

if TYPE_CHECKING:
    from app.repository.save_result import SaveResult
    from app.repository.unconfirmed import UnconfirmedWrite


OTHER = {"shortID": "OTHER", "name": "Other", "phone": "2"}


def reset_connection(request: httpx.Request, _record: dict[str, Any]) -> httpx.Response:
    raise httpx.ReadError("reset", request=request)


def html_response(status: int) -> httpx.Response:
    return httpx.Response(status, headers={"content-type": "text/html"}, content=b"<title>Gateway</title>")


#: Responses to a POST of a phone number that leave its outcome open.
UNCLEAR_RESPONSES: dict[str, Callable[[httpx.Request, dict[str, Any]], httpx.Response]] = {
    "reset": reset_connection,
    "502": lambda _request, _record: html_response(502),
    "504": lambda _request, _record: html_response(504),
    "500": lambda _request, _record: json_response(
        500, {"statusCode": 500, "error": "internal_error", "message": "No."}
    ),
    "503": lambda _request, _record: json_response(
        503, {"error": "not_confirmed", "message": "?"}, {"Retry-After": "0"}
    ),
    "202": lambda _request, record: json_response(202, record | {"phone": "2"}),
    "202 empty": lambda _request, _record: httpx.Response(202),
    "200 empty": lambda _request, _record: httpx.Response(200),
    "204": lambda _request, _record: httpx.Response(204),
    "foreign": lambda _request, _record: html_response(200),
    "before": lambda _request, record: json_response(200, record),
    "only the ID": lambda _request, record: json_response(200, {"shortID": record["shortID"]}),
    "another customer": lambda _request, _record: json_response(200, OTHER),
    "redirect": lambda _request, _record: httpx.Response(302, headers={"location": "/login"}),
}


class LateCommit:
    """A server that responds to a POST at once with `respond`, and commits it before the `reads`-th read."""

    def __init__(
        self, it: RepositoryHarness, respond: Callable[[httpx.Request, dict[str, Any]], httpx.Response], reads: int
    ) -> None:
        self._it = it
        self._respond = respond
        self._reads = reads
        self._forward: Forward | None = None
        it.transport.intercept = self._intercept

    async def commit(self) -> None:
        """Commit the POST now."""
        if self._forward is not None:
            await self._forward()
            self._forward = None

    async def _intercept(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.method == "POST":
            self._forward = forward
            return self._respond(request, await self._it.stored() if await self._it.store.get("A") else {})
        if self._forward is not None:
            self._reads -= 1
            if self._reads == 0:
                await self.commit()
        return await forward()


@pytest.mark.promise("W9")
@pytest.mark.parametrize("what", UNCLEAR_RESPONSES)
async def test_save_committed_after_unclear_response_is_confirmed(what: str) -> None:
    async with open_repository(confirm_delays=(0.0, 0.0, 0.0)) as it:
        base = await it.repository.customer("A")
        LateCommit(it, UNCLEAR_RESPONSES[what], reads=3)
        reported: list[UnconfirmedWrite] = []
        saved = await it.repository.save(base, {"phone": "2"}, SaveObserver(on_unconfirmed=reported.append))
        assert (saved.customer.phone, saved.previous_values, len(reported)) == ("2", {"phone": "1"}, 1)
        assert saved.confirmed_by_reread
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W9")
@pytest.mark.parametrize("what", UNCLEAR_RESPONSES)
async def test_unclear_response_never_raises_not_saved(what: str) -> None:
    async with open_repository(confirm_delays=(0.0,)) as it:
        base = await it.repository.customer("A")
        LateCommit(it, UNCLEAR_RESPONSES[what], reads=100)
        with pytest.raises(OutcomeUnknown, match="has not stored it so far"):
            await it.repository.save(base, {"phone": "2"})
        assert it.transport.count("POST") == 1


async def read_page(it: RepositoryHarness) -> None:
    await it.repository.page(PageRequest())


async def read_detail(it: RepositoryHarness) -> None:
    await it.repository.read_customer("A")


@pytest.mark.promise("W9")
@pytest.mark.parametrize("read", [read_page, read_detail])
async def test_save_committed_later_is_confirmed_by_next_read(
    read: Callable[[RepositoryHarness], Awaitable[None]],
) -> None:
    async with open_repository(confirm_delays=()) as it:
        base = await it.repository.customer("A")
        late = LateCommit(it, UNCLEAR_RESPONSES["504"], reads=100)
        reported: list[tuple[str, SaveResult]] = []
        it.repository.listen(CallbackListener(confirmed=lambda write, saved: reported.append((write.key, saved))))
        with pytest.raises(OutcomeUnknown):
            await it.repository.save(base, {"phone": "2"}, SaveObserver(key="form"))
        await read(it)
        assert reported == []
        await late.commit()
        await read(it)
        await read(it)
        ((key, saved),) = reported
        assert (key, saved.customer.phone, saved.previous_values) == ("form", "2", {"phone": "1"})


@pytest.mark.promise("W9")
async def test_create_committed_after_unclear_response_is_confirmed() -> None:
    async with open_repository(confirm_delays=(0.0, 0.0)) as it:
        LateCommit(it, UNCLEAR_RESPONSES["504"], reads=2)
        saved = await it.repository.create("B", {"name": "Bee"})
        assert (saved.customer.name, bool(saved.confirmed_by_reread)) == ("Bee", True)
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W9", "W2")
async def test_repeated_create_finds_earlier_commit() -> None:
    async with open_repository(confirm_delays=()) as it:
        late = LateCommit(it, UNCLEAR_RESPONSES["504"], reads=100)
        with pytest.raises(OutcomeUnknown):
            await it.repository.create("B", {"name": "Bee"}, SaveObserver(key="form"))
        await late.commit()
        saved = await it.repository.create("B", {"name": "Bee"}, SaveObserver(key="form"), beside={"A"})
        assert saved.confirmed_by_reread
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W9")
async def test_discontinue_committed_after_unclear_response_is_confirmed() -> None:
    async with open_repository(confirm_delays=(0.0, 0.0)) as it:
        shown = await it.repository.customer("A")
        reads = 0

        async def late(request: httpx.Request, forward: Forward) -> httpx.Response:
            nonlocal reads
            if request.method == "DELETE":
                return html_response(504)
            reads += 1
            if reads == 4:
                await it.store.discontinue("A")
            return await forward()

        it.transport.intercept = late
        assert (await it.repository.discontinue(shown)).active is False
        assert it.transport.count("DELETE") == 1


@pytest.mark.promise("W4", "W9")
async def test_save_is_refused_while_previous_one_is_checked() -> None:
    async with open_repository(confirm_delays=(0.0,)) as it:
        base = await it.repository.customer("A")
        LateCommit(it, UNCLEAR_RESPONSES["504"], reads=100)
        refused: list[str] = []

        async def save_again(request: httpx.Request, forward: Forward) -> httpx.Response:
            if it.transport.count("POST") and request.method == "GET" and not refused:
                with pytest.raises(DockbookError, match="not confirmed yet") as reported:
                    await it.repository.save(base, {"phone": "3"})
                refused.append(reported.value.text)
            return html_response(504) if request.method == "POST" else await forward()

        it.transport.intercept = save_again
        with pytest.raises(OutcomeUnknown):
            await it.repository.save(base, {"phone": "2"})
        assert refused
        assert it.transport.count("POST") == 1
        assert it.repository.writing is False


@pytest.mark.promise("W9")
async def test_refusal_and_failed_connect_are_certain() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        for refuse in (lambda _request: html_response(403), refuse_connection):

            async def intercept(
                request: httpx.Request,
                forward: Forward,
                refuse: Callable[[httpx.Request], httpx.Response] = refuse,
            ) -> httpx.Response:
                return refuse(request) if request.method == "POST" else await forward()

            it.transport.intercept = intercept
            reported: list[UnconfirmedWrite] = []
            with pytest.raises(DockbookError) as raised:
                await it.repository.save(base, {"phone": "2"}, SaveObserver(on_unconfirmed=reported.append))
            assert not raised.value.outcome_unknown
            assert reported == []


def refuse_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


async def test_partial_response_is_completed_from_record() -> None:
    async with open_repository(etags=False) as it:
        base = await it.repository.customer("A")

        async def partial_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            return json_response(200, {"shortID": "A", "phone": "2"}) if request.method == "POST" else response

        it.transport.intercept = partial_response
        saved = await it.repository.save(base, {"phone": "2"})
        assert (saved.customer.name, saved.customer.phone, saved.confirmed_by_reread) == ("Acme", "2", "")
        assert saved.changed_too == {}


def serve_stale_reads(it: RepositoryHarness, stale_readings: int) -> None:
    """Return the record from before a write for this many reads after it."""
    before: dict[str, Any] = {}
    left = 0

    async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
        nonlocal before, left
        if request.method == "POST":
            before, left = await it.stored(), stale_readings
            # The service stores milliseconds, and this test is faster.
            before["modified"] = earlier(str(before["modified"]))
        elif left > 0:
            left -= 1
            return json_response(200, before)
        return await forward()

    it.transport.intercept = intercept


def earlier(modified: str) -> str:
    return (datetime.fromisoformat(modified) - timedelta(seconds=5)).isoformat()


@pytest.mark.promise("W8")
async def test_second_save_keeps_first_when_reads_lag() -> None:
    async with open_repository(etags=False, confirm_delays=(0.0,) * 5) as it:
        base = await it.repository.customer("A")
        serve_stale_reads(it, 4)
        first = await it.repository.save(base, {"phone": "2"})
        lags: list[None] = []
        second = await it.repository.save(
            first.customer, {"zip": "20"}, SaveObserver(on_stale_read=lambda: lags.append(None))
        )
        assert second.merged_from_others == {}
        assert len(lags) == 4
        record = await it.stored()
        assert (record["phone"], record["zip"]) == ("2", "20")


@pytest.mark.promise("W8")
async def test_edit_of_stale_record_keeps_own_earlier_save() -> None:
    async with open_repository(etags=False, confirm_delays=(0.0,) * 5) as it:
        base = await it.repository.customer("A")
        serve_stale_reads(it, 3)
        await it.repository.save(base, {"phone": "2"})
        saved = await it.repository.save(base, {"zip": "20"})
        assert saved.merged_from_others == {}, "own changes are not changes by others"
        record = await it.stored()
        assert (record["phone"], record["zip"]) == ("2", "20")


@pytest.mark.promise("W8")
async def test_persistently_older_read_raises_conflict_first() -> None:
    async with open_repository(etags=False, confirm_delays=(0.0,)) as it:
        base = await it.repository.customer("A")
        serve_stale_reads(it, 100)
        first = await it.repository.save(base, {"phone": "2"})
        with pytest.raises(EditConflict, match="shows an older") as caught:
            await it.repository.save(first.customer, {"zip": "20"})
        assert (caught.value.fields, it.transport.count("POST")) == (("phone",), 1)
        it.transport.intercept = None
        saved = await it.repository.save(caught.value.theirs, {"phone": "2", "zip": "20"})
        assert (saved.customer.phone, saved.customer.zip) == ("2", "20")


@pytest.mark.promise("W8")
async def test_list_shows_own_save_when_reads_lag() -> None:
    async with open_repository(etags=False) as it:
        base = await it.repository.customer("A")
        await it.repository.save(base, {"phone": "2"})
        stale = base.received | {"modified": earlier(base.modified)}
        page = {"value": [stale], "totalCount": 1, "page": 1, "pageSize": 25, "pageCount": 1, "hasMore": False}

        async def intercept(request: httpx.Request, _forward: Forward) -> httpx.Response:
            return json_response(200, page if request.url.path.endswith("/All") else stale)

        it.transport.intercept = intercept
        assert (await it.repository.page(PageRequest())).rows[0].phone == "2"
        assert (await it.repository.read_customer("A")).customer.phone == "2"


def create_as_other_first(it: RepositoryHarness, respond: Callable[[dict[str, Any]], httpx.Response]) -> None:
    """Create `B` as another user just before our POST, on a server without preconditions."""

    async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
        if request.method == "POST":
            request.headers.pop("If-None-Match", None)
            await it.store.upsert("B", {"name": "Theirs", "phone": "7"}, if_match=None, only_new=True)
            return respond(json.loads(await (await forward()).aread()))
        return await forward()

    it.transport.intercept = intercept


def updated(record: dict[str, Any]) -> httpx.Response:
    return json_response(200, record)


def created_long_ago(record: dict[str, Any]) -> httpx.Response:
    return json_response(201, record | {"created": "2020-01-01T00:00:00", "phone": ""})


@pytest.mark.promise("W2")
@pytest.mark.parametrize("respond", [updated, created_long_ago])
async def test_create_detects_existing_customer_in_response(
    respond: Callable[[dict[str, Any]], httpx.Response],
) -> None:
    async with open_repository() as it:
        create_as_other_first(it, respond)
        saved = await it.repository.create("B", {"name": "Mine"}, beside={"A"})
        assert saved.existed_before
        assert saved.overwritten_fields == ("name",)


@pytest.mark.promise("W2", "W7")
async def test_create_over_existing_keeps_previous_values_from_stale_read() -> None:
    async with open_repository(etags=False) as it:
        create_as_other_first(it, updated)
        intercept = it.transport.intercept
        assert intercept is not None

        async def serve_stale_read(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await intercept(request, forward)
            if request.method == "GET" and it.transport.count("POST") == 1:
                body = json.loads(await response.aread())
                return json_response(200, body | {"name": "Theirs", "modified": earlier(body["modified"])})
            return response

        it.transport.intercept = serve_stale_read
        saved = await it.repository.create("B", {"name": "Mine"}, beside={"A"})
        assert (saved.existed_before, saved.previous_values, saved.overwritten_fields) == (True, {"name": "Theirs"}, ())


@pytest.mark.promise("W2")
async def test_plain_create_reports_no_existing_customer() -> None:
    async with open_repository() as it:
        saved = await it.repository.create("B", {"name": "Mine"}, beside={"A"})
        assert (saved.existed_before, saved.changed_too) == (False, {})


@pytest.mark.promise("W12")
async def test_save_reports_other_changes_in_response() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def intercept(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            if request.method != "POST":
                return response
            return json_response(
                200, json.loads(await response.aread()) | {"phone": "+2", "name": "ACME", "active": False}
            )

        it.transport.intercept = intercept
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.normalized_by_server == {"phone": "+2"}
        assert saved.changed_too == {"name": "ACME", "active": "discontinued"}


@pytest.mark.promise("W12")
async def test_newer_response_with_old_value_counts_as_normalized() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def restore_name(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            if request.method == "POST":
                return json_response(200, base.received | {"modified": "2099-01-01T00:00:00"})
            return response

        it.transport.intercept = restore_name
        saved = await it.repository.save(base, {"name": "Acme "})
        assert saved.normalized_by_server == {"name": "Acme"}


@pytest.mark.promise("W12")
async def test_save_reports_discontinuation_by_others() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        await it.store.discontinue("A")
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.merged_from_others == {"active": "discontinued"}


@pytest.mark.promise("W9")
async def test_repeated_412_raises_not_saved() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        refusal = {"statusCode": 412, "error": "precondition_failed", "message": "No."}
        changes_made = 0

        async def change_first(request: httpx.Request, forward: Forward) -> httpx.Response:
            nonlocal changes_made
            if request.method == "POST":
                changes_made += 1
                await it.change_as_other(zip=str(changes_made))
                return json_response(412, refusal)
            return await forward()

        it.transport.intercept = change_first
        with pytest.raises(NotSaved):
            await it.repository.save(base, {"phone": "2"})
