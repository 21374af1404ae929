"""The OpenAPI description of the service: what it takes, what it answers, and how it refuses."""

from typing import Any, Final

from app.models.fields import ID_FIELD, MAX_FIELD_LENGTH, MAX_ID_LENGTH, MAX_PAGE_SIZE, SORTABLE_FIELDS, WRITABLE_FIELDS
from app.service.request_parsing import MAX_PAGE
from app.service.rows import COLUMNS

Json = dict[str, Any]

_EXAMPLE: Final[Json] = {
    "shortID": "ACME-CORP",
    "name": "Acme Corporation",
    "address1": "123 Industrial Way",
    "address2": "",
    "city": "Springfield",
    "state": "IL",
    "zip": "62701",
    "country": "US",
    "phone": "555-0100",
    "fax": "",
    "email": "orders@acme.example.com",
    "contact": "Jane Smith",
}
#: An ID as `requests` accepts it: spaces around it are trimmed, 1 to 50 characters, no control character in it, and
#: none of the three reserved names.
_ID_PATTERN: Final = (
    r"^\s*(?!(?:All|\.|\.\.)\s*$)[^\s\x00-\x1f\x7f-\x9f](?:[^\x00-\x1f\x7f-\x9f]{0,48}[^\s\x00-\x1f\x7f-\x9f])?\s*$"
)
#: The days every year has; the 29th of February is taken too.
_MOMENT_PATTERN: Final = (
    r"^(?!0000)[0-9]{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|"
    r"(?:0[13578]|1[02])-31)T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])?$"
)
#: Told in words and not as parameters, because a request whose tag is stale is well formed and refused all the same.
_IF_MATCH: Final = "With `If-Match` it is written only if the record still has that ETag, else the answer is 412."
_ERRORS: Final = {
    "400": "Malformed (`bad_request`), or fields failed (`validation_error`, with `details`)",
    "401": "No token, or it is not valid any more (`unauthorized`)",
    "403": "The permission is missing (`forbidden`)",
    "404": "There is no such customer (`not_found`)",
    "412": "`If-Match` or `If-None-Match` does not hold; nothing was written (`precondition_failed`)",
    "413": "The body is too large (`payload_too_large`)",
    "429": "Too many requests, or too many wrong secrets (`rate_limited`)",
    "500": "Server fault (`internal_error`)",
}


def document() -> Json:
    """The whole description, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Customer API",
            "version": "v1",
            "description": "Customers of a warehouse: who owns stock held there, or receives shipments.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"oauth2": []}],
        "paths": {
            "/Token": {"post": _token()},
            "/Customer/All": {"get": _list()},
            "/Customer": {"post": _upsert()},
            "/Customer/{id}": {"parameters": [_id_parameter()], "get": _get(), "delete": _discontinue()},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "oauth2": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": "/api/v1/Token", "scopes": {}}},
                }
            },
        },
    }


def _token() -> Json:
    form = {
        "type": "object",
        "required": ["grant_type", "client_id", "client_secret"],
        "properties": {
            "grant_type": {"const": "client_credentials"},
            "client_id": {"type": "string", "minLength": 1},
            "client_secret": {"type": "string", "minLength": 1},
        },
    }
    return {
        "operationId": "issueToken",
        "summary": "Exchange a client ID and secret for a bearer token",
        "description": "The ID and the secret stand in the form or, instead, in HTTP Basic.",
        "security": [],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {"200": _answer("The token", "Token"), **_errors("400", "401", "413", "429", "500")},
    }


def _list() -> Json:
    counts = {"X-Total-Count": "Records in all", "X-Page-Size": "Records a page", "X-Page": "This page"}
    parameters = [
        _query("page", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1}),
        _query("pageSize", {"type": "integer", "minimum": 1, "default": 25}, f"More than {MAX_PAGE_SIZE} is capped."),
        _query(
            "sort", {"type": "string", "enum": list(SORTABLE_FIELDS), "default": ID_FIELD}, "Ties break on shortID."
        ),
        _query("direction", {"type": "string", "enum": ["ASC", "DESC"], "default": "ASC"}),
        _query(
            "modifiedSince",
            {"type": "string", "pattern": _MOMENT_PATTERN, "examples": ["2024-11-02T14:22:00"]},
            "Only records modified at or after this moment; without a zone it is UTC.",
        ),
    ]
    return {
        "operationId": "listCustomers",
        "summary": "One page of all customers, discontinued ones too (SecurityID 130)",
        "parameters": parameters,
        "responses": {
            "200": _answer("The page", "Page", {name: _count(text) for name, text in counts.items()}),
            **_errors("400", "401", "403", "429", "500"),
        },
    }


def _get() -> Json:
    return {
        "operationId": "getCustomer",
        "summary": "One customer (SecurityID 130)",
        "responses": {
            "200": _answer("The customer", "Customer", _etag()),
            **_errors("401", "403", "404", "429", "500"),
        },
    }


def _upsert() -> Json:
    links = _link_to_customer(f"$response.body#/{ID_FIELD}")
    return {
        "operationId": "upsertCustomer",
        "summary": "Create or update the customer with this shortID (SecurityID 131)",
        "description": (
            "A field that is omitted or null stays as it was; a new customer gets it empty. "
            f"{_IF_MATCH} With `If-None-Match: *` it is written only if there is no such customer yet."
        ),
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Upsert"},
                    "examples": {"spec": {"value": _EXAMPLE}},
                }
            },
        },
        "responses": {
            "200": _answer("Updated: the whole record", "Customer", _etag()) | {"links": links},
            "201": _answer("Created: the whole record", "Customer", _etag()) | {"links": links},
            **_errors("400", "401", "403", "412", "413", "429", "500"),
        },
    }


def _discontinue() -> Json:
    return {
        "operationId": "discontinueCustomer",
        "summary": "Mark a customer as discontinued; the record and its history stay (SecurityID 131)",
        "description": _IF_MATCH,
        "responses": {
            "204": {"description": "It is discontinued", "headers": _version()},
            **_errors("401", "403", "404", "412", "429", "500"),
        },
    }


def _schemas() -> Json:
    text = {"type": "string"}
    written = {"type": ["string", "null"], "maxLength": MAX_FIELD_LENGTH, "pattern": r"^[^\x00]*\Z"}
    stored: Json = dict.fromkeys(COLUMNS, text)
    stored["active"] = {"type": "boolean", "description": "false: discontinued"}
    stored[ID_FIELD] = {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH}
    count = {"type": "integer", "minimum": 0}
    return {
        "Customer": _object(stored, [{**_EXAMPLE, "active": True, "created": _CREATED, "modified": _MODIFIED}]),
        "Upsert": {
            "type": "object",
            "required": [ID_FIELD],
            "properties": {ID_FIELD: {"type": "string", "pattern": _ID_PATTERN}}
            | dict.fromkeys(WRITABLE_FIELDS, written),
        },
        "Page": _object(
            {
                "value": {"type": "array", "items": {"$ref": "#/components/schemas/Customer"}},
                "totalCount": count,
                "page": {"type": "integer", "minimum": 1},
                "pageSize": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
                "pageCount": count,
                "hasMore": {"type": "boolean"},
            }
        ),
        "Token": _object({"access_token": text, "token_type": {"const": "bearer"}, "expires_in": count}),
        "Error": {
            "type": "object",
            "required": ["statusCode", "error", "message"],
            "properties": {
                "statusCode": {"type": "integer"},
                "error": text,
                "message": text,
                "details": {"type": "object", "additionalProperties": {"type": "array", "items": text}},
            },
            "additionalProperties": False,
        },
    }


_CREATED: Final = "2023-04-15T08:30:00"
_MODIFIED: Final = "2024-11-02T14:22:00"


def _object(properties: Json, examples: list[Json] | None = None) -> Json:
    """An object with exactly these properties, all of them there."""
    schema = {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }
    return schema | ({"examples": examples} if examples else {})


def _id_parameter() -> Json:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The shortID, encoded as one path segment.",
        "schema": {"type": "string", "minLength": 1},
        "examples": {"spec": {"value": "ACME-CORP"}},
    }


def _query(name: str, schema: Json, description: str = "") -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _answer(description: str, schema: str, headers: Json | None = None) -> Json:
    return {
        "description": description,
        "headers": _version() | (headers or {}),
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _errors(*statuses: str) -> Json:
    extra = {
        "401": {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
        "429": {"Retry-After": _count("Seconds to wait")},
    }
    return {status: _answer(_ERRORS[status], "Error", extra.get(status)) for status in statuses}


def _link_to_customer(short_id: str) -> Json:
    # No link leads to discontinuing: tools that follow links expect a 404 after a DELETE, and this record stays.
    return {"GetCustomer": {"operationId": "getCustomer", "parameters": {"id": short_id}}}


def _version() -> Json:
    return {"X-API-Version": {"required": True, "schema": {"const": "v1"}}}


def _etag() -> Json:
    return {"ETag": {"required": True, "schema": {"type": "string"}, "description": "Moves with every change."}}


def _count(description: str) -> Json:
    return {"required": True, "description": description, "schema": {"type": "integer", "minimum": 0}}
