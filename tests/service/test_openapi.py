"""The service matches its OpenAPI description, for every request a fuzzer derives from it."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.schemas import BaseSchema

from app.models.fields import (
    ID_FIELD,
    MAX_FIELD_LENGTH,
    MAX_ID_LENGTH,
    MAX_PAGE_SIZE,
    SORTABLE_FIELDS,
    WIRE_FIELDS,
    WRITABLE_FIELDS,
)
from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.database.postgres import PostgresDatabase
from app.service.request_parsing import MAX_PAGE, RESERVED_IDS
from app.service.sample.generator import load_sample
from app.service.store import Store
from tests.service.conftest import empty_tables

if TYPE_CHECKING:
    from tests.service.postgres_server import PostgresServer


@dataclass(frozen=True)
class Described:
    """The description as served, and the headers of a client with both permissions."""

    schema: BaseSchema
    headers: dict[str, str]


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def described(request: pytest.FixtureRequest) -> Iterator[Described]:
    if request.param == "SQLite":
        store = Store.open(None)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        empty_tables(server)
        store = Store(PostgresDatabase(server.url))
    load_sample(store, 48, lambda _done, _count: None)
    credentials = Credentials()
    issued = credentials.issue(frozenset({130, 131}))
    app = create_app(store, credentials)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    token = asyncio.run(credentials.issue_token(issued.client_id, issued.client_secret))
    yield Described(schema, {"Authorization": f"Bearer {token}"})
    asyncio.run(store.close())


@pytest.fixture(scope="module")
def schema_of_service(described: Described) -> BaseSchema:
    return described.schema


schema = schemathesis.pytest.from_fixture("schema_of_service")


@pytest.mark.promise("S1")
@schema.parametrize()
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_operation_matches_its_description(case: Case[Any], described: Described) -> None:
    case.call_and_validate(headers=described.headers)


@pytest.mark.promise("S1")
def test_description_states_the_limits_of_the_code(described: Described) -> None:
    document = described.schema.raw_schema
    schemas = document["components"]["schemas"]
    assert list(schemas["Customer"]["properties"]) == list(WIRE_FIELDS) == schemas["Customer"]["required"]
    assert list(schemas["Upsert"]["properties"]) == [ID_FIELD, *WRITABLE_FIELDS]
    assert schemas["WritableText"]["maxLength"] == MAX_FIELD_LENGTH
    assert schemas["Customer"]["properties"][ID_FIELD]["maxLength"] == MAX_ID_LENGTH
    assert schemas["Page"]["properties"]["pageSize"]["maximum"] == MAX_PAGE_SIZE
    query = {
        parameter["name"]: parameter["schema"] for parameter in document["paths"]["/Customer/All"]["get"]["parameters"]
    }
    assert query["sort"]["enum"] == list(SORTABLE_FIELDS)
    assert query["page"]["maximum"] == MAX_PAGE


@pytest.mark.promise("S1")
@pytest.mark.parametrize("short_id", ["All", ".", "..", "A", "All.", "all", "...", "Al"])
def test_description_excludes_exactly_the_reserved_ids(described: Described, short_id: str) -> None:
    (parameter,) = described.schema.raw_schema["paths"]["/Customer/{id}"]["parameters"]
    upsert = described.schema.raw_schema["components"]["schemas"]["Upsert"]["properties"][ID_FIELD]
    for pattern in (parameter["schema"]["pattern"], upsert["pattern"]):
        assert (re.search(pattern, short_id) is None) == (short_id in RESERVED_IDS)
