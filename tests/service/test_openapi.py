"""The service matches its own description, whatever a fuzzer makes of that."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.schemas import BaseSchema

from app.service.app import create_app
from app.service.credentials import Credentials
from app.service.sample.generator import load_sample
from app.service.store import Store


@dataclass(frozen=True)
class Described:
    """The description as served, and the header that opens everything it describes."""

    schema: BaseSchema
    headers: dict[str, str]


@pytest.fixture(scope="module")
def described() -> Iterator[Described]:
    store = Store.open(None)
    load_sample(store, 48, lambda _done, _count: None)
    credentials = Credentials()
    issued = credentials.issue(frozenset({130, 131}))
    app = create_app(store, credentials)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    token = credentials.grant(issued.client_id, issued.client_secret)
    yield Described(schema, {"Authorization": f"Bearer {token}"})
    asyncio.run(store.close())


@pytest.fixture(scope="module")
def schema_of_service(described: Described) -> BaseSchema:
    return described.schema


schema = schemathesis.pytest.from_fixture("schema_of_service")


@schema.parametrize()
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_operation_keeps_its_word(case: Case[Any], described: Described) -> None:
    case.call_and_validate(headers=described.headers)
