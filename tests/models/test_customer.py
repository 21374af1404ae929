"""A record of any shape is shown and flagged, and sent back unchanged."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.body import dump_json, parse_json
from app.models.customer import Customer, ErrorBody, NumberText, Page
from app.models.fields import BY_NAME, ID_FIELD, WRITABLE_FIELDS
from tests.customers import ACME

WHOLE = ACME | {"modified": "2024-11-02T14:22:00Z"}

text = st.text(st.characters(codec=None))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
records = st.dictionaries(st.sampled_from([*BY_NAME, "colour", "ſhortID"]) | text, json_values)
changes = st.dictionaries(st.sampled_from(WRITABLE_FIELDS), text)


@pytest.mark.promise("T5")
def test_contract_record_has_no_problems() -> None:
    customer = Customer.from_wire(WHOLE)
    assert customer.problems == {}
    assert customer.unknown_fields == {}
    assert {name: customer.value(name) for name in BY_NAME} == WHOLE | {"active": "active"}


@pytest.mark.promise("T5")
@pytest.mark.parametrize(
    ("field", "value", "shown", "problem"),
    [
        ("phone", 5550100, "5550100", "a number, not text"),
        ("phone", None, "", "null"),
        ("phone", ["555", None], '["555", null]', "a list, not text"),
        ("phone", {"a": "ü"}, '{"a": "ü"}', "an object, not text"),
        ("phone", False, "false", "true or false, not text"),
        ("phone", NumberText("9" * 5000), "9" * 5000, "a number, not text"),
        ("name", "lone \udc80", "lone \udc80", "broken characters"),
        ("created", "2023-02-30T08:30:00", "2023-02-30T08:30:00", "not a date"),
        ("modified", "yesterday", "yesterday", "not a date"),
        ("modified", "", "", None),
        ("active", None, "unknown", "null, not true or false"),
        ("active", "true", "unknown", "text, not true or false"),
        ("active", 1, "unknown", "a number, not true or false"),
        (ID_FIELD, "  ", "  ", "empty"),
        (ID_FIELD, 7, "7", "a number, not text"),
    ],
)
def test_odd_value_is_shown_and_named(field: str, value: object, shown: str, problem: str | None) -> None:
    customer = Customer.from_wire(WHOLE | {field: value})
    assert customer.value(field) == shown
    assert customer.problems == ({} if problem is None else {field: problem})


@pytest.mark.promise("T5")
def test_missing_fields_are_named() -> None:
    customer = Customer.from_wire({ID_FIELD: "A", "colour": [1]})
    assert set(customer.problems) == set(BY_NAME) - {ID_FIELD}
    assert set(customer.problems.values()) == {"missing"}
    assert customer.unknown_fields == {"colour": "[1]"}


@pytest.mark.promise("T5")
def test_oversized_numbers_leave_rest_of_page_intact() -> None:
    odd_value = f'{{"shortID": "B", "phone": {"9" * 5000}, "fax": 1e999, "zip": NaN, "name": "\\ud800"}}'
    body = parse_json(f'{{"value": [{json.dumps(WHOLE)}, {odd_value}, null, 7], "totalCount": {"9" * 5000}}}'.encode())
    page = Page.from_wire(body, [*map(Customer.from_wire, body["value"])])
    assert page.rows[0].problems == {}
    assert [page.rows[1].value(name) for name in ("phone", "fax", "zip")] == ["9" * 5000, "1e999", "NaN"]
    assert {page.rows[1].problems[name] for name in ("phone", "fax", "zip")} == {"a number, not text"}
    assert [row.problems[ID_FIELD] for row in page.rows[2:]] == ["not a customer record"] * 2
    assert page.total is None


@pytest.mark.promise("T5", "T6")
@given(st.lists(records | json_values, max_size=4), json_values)
def test_page_of_any_rows_is_parsed(rows: list[Any], odd_value: Any) -> None:
    body = {"value": rows} | dict.fromkeys(("totalCount", "page", "pageSize", "pageCount", "hasMore"), odd_value)
    read = parse_json(dump_json(body))
    page = Page.from_wire(read, [*map(Customer.from_wire, read["value"])])
    assert len(page.rows) == len(rows)
    for row in page.rows:
        assert all(isinstance(row.value(name), str) for name in BY_NAME)
        assert set(row.problems) <= set(BY_NAME)
    assert page.has_more is (odd_value if isinstance(odd_value, bool) else None)


@pytest.mark.promise("W5")
@given(records, changes)
def test_upsert_body_keeps_unedited_values(record: dict[str, Any], edited: dict[str, str]) -> None:
    received = dump_json(record)
    body = json.loads(dump_json(Customer.from_wire(parse_json(received)).upsert_body(edited)))
    writable = {ID_FIELD, *WRITABLE_FIELDS}
    assert set(body) == (set(record) & writable) | set(edited)
    for name, value in body.items():
        expected = edited[name] if name in edited else json.loads(received)[name]
        assert (value, type(value)) == (expected, type(expected))


@pytest.mark.promise("W6")
@given(json_values)
def test_error_body_of_any_shape_is_parsed(body: Any) -> None:
    for candidate in (
        body,
        {"error": "odd", "message": body, "details": body},
        {"error": "odd", "details": {"x": body}},
    ):
        read = ErrorBody.from_wire(candidate)
        assert read is None or all(isinstance(message, str) for texts in read.details.values() for message in texts)
    assert ErrorBody.from_wire({"error": "odd", "details": body}) is not None


@pytest.mark.promise("W5")
def test_oversized_numbers_are_sent_verbatim() -> None:
    received = b'{"shortID":"A","phone":1e999,"fax":[NaN,{"x":-1e400}],"zip":"1e999"}'
    customer = Customer.from_wire(parse_json(received))
    assert (
        dump_json(customer.upsert_body({})) == b'{"shortID":"A","zip":"1e999","phone":1e999,"fax":[NaN,{"x":-1e400}]}'
    )
