"""The repository on the real service, with and without ETags, with lost responses and server faults."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.api.client import CustomerApi
from app.errors import (
    Conflict,
    ConfusableId,
    ConnectionFailed,
    CustomerExists,
    DockbookError,
    EditConflict,
    InvalidId,
    NotSaved,
    OutcomeUnknown,
    ReadOnly,
    UnexpectedRecord,
)
from app.models.fields import PageRequest
from app.repository.repository import ConnectionState, CustomerRepository
from app.repository.source import CustomerSource
from app.repository.writer import STARTED_READ_ONLY
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.store import Store
from tests.fakes import CallbackListener
from tests.harness import URL, FaultyTransport, Forward, always, json_response


class RepositoryHarness:
    """A repository, its transport, and the store of the service."""

    def __init__(self, repository: CustomerRepository, transport: FaultyTransport, store: Store) -> None:
        self.repository = repository
        self.transport = transport
        self.store = store

    async def change_as_other(self, **changes: str) -> None:
        """Change the customer as another user."""
        await self.store.upsert("A", changes, if_match=None, only_new=False)

    async def stored(self) -> dict[str, object]:
        """The customer as stored by the service."""
        found = await self.store.get("A")
        assert found is not None
        return dict(found.record)


@asynccontextmanager
async def open_repository(
    *, etags: bool = True, read_only: bool = False, confirm_delays: tuple[float, ...] = (0.0,)
) -> AsyncIterator[RepositoryHarness]:
    """Open a repository on a store with the customer `A`."""
    store = Store.open(None)
    await store.upsert("A", {"name": "Acme", "phone": "1", "zip": "10"}, if_match=None, only_new=True)
    credentials = Credentials()
    issued = credentials.issue(frozenset({130, 131}))
    transport = FaultyTransport(httpx.ASGITransport(create_app(store, credentials), raise_app_exceptions=False))

    async def without_etags(request: httpx.Request, forward: Forward) -> httpx.Response:
        response = await forward()
        response.headers.pop("ETag", None)
        return response

    transport.intercept = None if etags else without_etags

    async def connect() -> CustomerApi:
        return CustomerApi(URL, issued.client_id, issued.client_secret, transport=transport)

    repository = CustomerRepository(
        CustomerSource(connect, on_close=store.close),
        read_only_reason=STARTED_READ_ONLY if read_only else None,
        confirm_delays=confirm_delays,
    )
    yield RepositoryHarness(repository, transport, store)
    await repository.close()


@pytest.mark.promise("W1")
@pytest.mark.parametrize("etags", [True, False])
async def test_save_merges_changes_to_other_fields(etags: bool) -> None:
    async with open_repository(etags=etags) as it:
        base = await it.repository.customer("A")
        await it.change_as_other(zip="11")
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.merged_from_others == {"zip": "11"}
        record = await it.stored()
        assert (record["phone"], record["zip"]) == ("2", "11")


@pytest.mark.promise("W1")
@pytest.mark.parametrize("etags", [True, False])
async def test_save_raises_conflict_on_same_field_and_sends_nothing(etags: bool) -> None:
    async with open_repository(etags=etags) as it:
        base = await it.repository.customer("A")
        await it.change_as_other(phone="3")
        with pytest.raises(EditConflict) as caught:
            await it.repository.save(base, {"phone": "2"})
        assert (caught.value.fields, caught.value.theirs.phone) == (("phone",), "3")
        assert (await it.stored())["phone"] == "3"
        assert it.transport.count("POST") == 0


@pytest.mark.promise("W1")
async def test_save_with_etag_merges_change_made_before_post() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        changes_made = 0

        async def change_first(request: httpx.Request, forward: Forward) -> httpx.Response:
            nonlocal changes_made
            if request.method == "POST" and changes_made < 1:
                changes_made += 1
                await it.change_as_other(zip="11")
            return await forward()

        it.transport.intercept = change_first
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.merged_from_others == {"zip": "11"}
        record = await it.stored()
        assert (record["phone"], record["zip"]) == ("2", "11")


@pytest.mark.promise("W1")
async def test_save_gives_up_on_record_that_keeps_changing() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        changes_made = 0

        async def change_first(request: httpx.Request, forward: Forward) -> httpx.Response:
            nonlocal changes_made
            if request.method == "POST":
                changes_made += 1
                await it.change_as_other(zip=str(changes_made))
            return await forward()

        it.transport.intercept = change_first
        with pytest.raises(NotSaved):
            await it.repository.save(base, {"phone": "2"})
        assert changes_made <= 5
        assert (await it.stored())["phone"] == "1"


@pytest.mark.promise("W1")
async def test_save_posts_nothing_if_value_is_already_stored() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        await it.change_as_other(phone="2")
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.customer.phone == "2"
        assert it.transport.count("POST") == 0


@pytest.mark.promise("W3")
async def test_lost_response_without_reread_raises_outcome_unknown() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")
        gone = False

        async def lose_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            nonlocal gone
            if gone:
                raise httpx.ConnectError("gone", request=request)
            response = await forward()
            if request.method == "POST":
                gone = True
                raise httpx.ReadError("cut", request=request)
            return response

        it.transport.intercept = lose_response
        with pytest.raises(OutcomeUnknown):
            await it.repository.save(base, {"phone": "2"})
        assert it.transport.count("POST") == 1
        it.transport.intercept = None
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.customer.phone == "2"
        assert it.transport.count("POST") == 1, "it was already saved, so a read is enough"


@pytest.mark.promise("T3")
async def test_save_refuses_record_with_different_id() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def other_case(request: httpx.Request, forward: Forward) -> httpx.Response:
            return json_response(200, {"shortID": "a", "active": True}) if request.method == "GET" else await forward()

        it.transport.intercept = other_case
        with pytest.raises(UnexpectedRecord):
            await it.repository.save(base, {"phone": "2"})
        assert it.transport.count("POST") == 0


@pytest.mark.promise("W2")
async def test_create_refuses_id_of_discontinued_customer() -> None:
    async with open_repository() as it:
        await it.store.discontinue("A")
        with pytest.raises(CustomerExists):
            await it.repository.create("A", {"name": "Other"})
        assert (await it.stored())["name"] == "Acme"


@pytest.mark.promise("W3")
async def test_create_with_lost_response_is_confirmed_by_reread() -> None:
    async with open_repository() as it:

        async def lose_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            response = await forward()
            if request.method == "POST":
                raise httpx.ReadError("cut", request=request)
            return response

        it.transport.intercept = lose_response
        saved = await it.repository.create("B", {"name": "Bee"})
        assert saved.confirmed_by_reread
        assert it.transport.count("POST") == 1


@pytest.mark.promise("W3")
async def test_create_that_never_arrived_raises_outcome_unknown() -> None:
    async with open_repository() as it:

        async def lose_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                raise httpx.ReadError("cut", request=request)
            return await forward()

        it.transport.intercept = lose_response
        with pytest.raises(OutcomeUnknown, match="has not stored it so far"):
            await it.repository.create("B", {"name": "Bee"})


@pytest.mark.promise("W3")
async def test_discontinue_that_never_arrived_raises_outcome_unknown() -> None:
    async with open_repository() as it:
        shown = await it.repository.customer("A")

        async def lose_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "DELETE":
                raise httpx.ReadError("cut", request=request)
            return await forward()

        it.transport.intercept = lose_response
        with pytest.raises(OutcomeUnknown):
            await it.repository.discontinue(shown)
        assert (await it.stored())["active"] is True


async def test_read_only_repository_writes_nothing() -> None:
    async with open_repository(read_only=True) as it:
        shown = await it.repository.customer("A")
        for attempt in (
            it.repository.save(shown, {"phone": "2"}),
            it.repository.create("B", {}),
            it.repository.discontinue(shown),
        ):
            with pytest.raises(ReadOnly):
                await attempt
        assert it.transport.count("POST") == it.transport.count("DELETE") == 0


@pytest.mark.promise("N7")
async def test_connection_state_follows_requests() -> None:
    async with open_repository() as it:
        states: list[ConnectionState] = []
        it.repository.listen(CallbackListener(states.append))
        await it.repository.page(PageRequest())
        it.transport.disconnect()
        for _ in range(2):
            with pytest.raises(ConnectionFailed):
                await it.repository.page(PageRequest())
        it.transport.intercept = None
        await it.repository.page(PageRequest())
        assert [state.live for state in states] == [True, False, True]
        assert states[1].since is not None


@pytest.mark.promise("W4")
async def test_second_save_of_same_customer_is_refused_meanwhile() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def save_again(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                with pytest.raises(DockbookError, match="being saved already"):
                    await it.repository.save(base, {"phone": "3"})
            return await forward()

        it.transport.intercept = save_again
        saved = await it.repository.save(base, {"phone": "2"})
        assert saved.customer.phone == "2"
        assert it.transport.count("POST") == 1


async def test_save_drops_etag_that_server_wrongly_refuses() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def refuse_tags(request: httpx.Request, forward: Forward) -> httpx.Response:
            if "If-Match" in request.headers or "If-None-Match" in request.headers:
                return json_response(412, {"statusCode": 412, "error": "precondition_failed", "message": "No."})
            return await forward()

        it.transport.intercept = refuse_tags
        assert (await it.repository.save(base, {"phone": "2"})).customer.phone == "2"
        assert (await it.repository.create("B", {"name": "Bee"})).customer.name == "Bee"


@pytest.mark.promise("W11")
async def test_create_passes_on_unrelated_409() -> None:
    async with open_repository() as it:
        body = {"statusCode": 409, "error": "conflict", "message": "The book is closed today."}
        it.transport.intercept = always(lambda: json_response(409, body), "POST")
        with pytest.raises(Conflict, match="closed today"):
            await it.repository.create("B", {"name": "Bee"})


async def test_answered_discontinue_succeeds_without_reread() -> None:
    async with open_repository() as it:
        shown = await it.repository.customer("A")
        done = False

        async def fail_after_delete(request: httpx.Request, forward: Forward) -> httpx.Response:
            nonlocal done
            if done:
                raise httpx.ConnectError("gone", request=request)
            done = request.method == "DELETE"
            return await forward()

        it.transport.intercept = fail_after_delete
        assert (await it.repository.discontinue(shown)).active is False


@pytest.mark.promise("W9")
async def test_discontinue_without_effect_raises_outcome_unknown() -> None:
    async with open_repository() as it:
        shown = await it.repository.customer("A")
        it.transport.intercept = always(lambda: httpx.Response(204), "DELETE")
        with pytest.raises(OutcomeUnknown, match="has not stored it so far"):
            await it.repository.discontinue(shown)


@pytest.mark.promise("W3")
async def test_lost_response_with_normalized_value_is_possibly_own_save() -> None:
    async with open_repository() as it:
        base = await it.repository.customer("A")

        async def lose_response(request: httpx.Request, forward: Forward) -> httpx.Response:
            if request.method == "POST":
                await it.change_as_other(phone="+2")
                raise httpx.ReadError("cut", request=request)
            return await forward()

        it.transport.intercept = lose_response
        with pytest.raises(EditConflict, match="neither as before nor as you typed it"):
            await it.repository.save(base, {"phone": "2"})


async def test_invalid_id_leaves_connection_state_unchanged() -> None:
    async with open_repository() as it:
        it.transport.disconnect()
        with pytest.raises(ConnectionFailed):
            await it.repository.customer("A")
        with pytest.raises(InvalidId):
            await it.repository.customer("..")
        assert it.repository.connection.live is False


@pytest.mark.promise("W10")
async def test_similar_ids_without_mirror_requests_few_spellings() -> None:
    async with open_repository() as it:
        await it.store.upsert("DOCK-7", {"name": "Dock"}, if_match=None, only_new=True)
        found = await it.repository.similar_ids("dock_7")
        assert ([one.short_id for one in found.customers], found.complete) == (["DOCK-7"], False)
        assert it.transport.count("GET") <= 6


@pytest.mark.promise("W10")
async def test_similar_ids_stops_at_first_server_error() -> None:
    async with open_repository() as it:
        it.transport.intercept = always(
            lambda: json_response(403, {"statusCode": 403, "error": "forbidden", "message": "No."})
        )
        assert (await it.repository.similar_ids("dock_7")).customers == ()
        assert it.transport.count("GET") == 1


@pytest.mark.promise("W10")
async def test_similar_ids_drops_customer_that_is_not_similar() -> None:
    async with open_repository() as it:
        other = {"shortID": "OTHER", "name": "Other"}
        it.transport.intercept = always(lambda: json_response(200, other))
        assert (await it.repository.similar_ids("dock_7")).customers == ()


@pytest.mark.promise("W10")
@pytest.mark.parametrize("short_id", ["a", "А"])
async def test_create_refuses_unacknowledged_confusable_id(short_id: str) -> None:
    async with open_repository() as it:
        with pytest.raises(ConfusableId) as caught:
            await it.repository.create(short_id, {})
        assert [other.short_id for other in caught.value.others] == ["A"]
        assert it.transport.count("POST") == 0
        saved = await it.repository.create(short_id, {}, beside={"A"})
        assert saved.customer.short_id == short_id


@pytest.mark.promise("W2")
async def test_create_reports_taken_id_before_similar_ones() -> None:
    async with open_repository() as it:
        await it.store.upsert("a", {"name": "Small"}, if_match=None, only_new=True)
        with pytest.raises(CustomerExists):
            await it.repository.create("a", {})


async def test_read_only_create_sends_no_request() -> None:
    async with open_repository(read_only=True) as it:
        with pytest.raises(ReadOnly):
            await it.repository.create("a", {})
        assert it.transport.requests == []
