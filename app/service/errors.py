"""Builds the errors of the service, one function for every row of the contract's error table."""

from collections.abc import Mapping, Sequence

from app.errors import (
    BadRequest,
    BodyTooLarge,
    ErrorResponse,
    Forbidden,
    GatewayFault,
    NotFound,
    PreconditionFailed,
    RateLimited,
    Unauthorized,
    ValidationFailed,
)
from app.models.fields import Permission


def bad_request(message: str) -> BadRequest:
    """400: malformed, or required data missing."""
    return BadRequest(ErrorResponse(400, "bad_request", message, {}))


def invalid(details: Mapping[str, Sequence[str]]) -> ValidationFailed:
    """400: fields failed; `details` maps wire names to messages."""
    messages = {field: tuple(texts) for field, texts in details.items()}
    return ValidationFailed(ErrorResponse(400, "validation_error", "Model validation failed.", messages))


def unauthorized(message: str) -> Unauthorized:
    """401: the token is missing or invalid, or the credentials are unknown."""
    return Unauthorized(ErrorResponse(401, "unauthorized", message, {}))


def forbidden(permission: Permission) -> Forbidden:
    """403: the credential lacks this SecurityID."""
    return Forbidden(ErrorResponse(403, "forbidden", f"SecurityID {permission} is required.", {}), permission)


def not_found() -> NotFound:
    """404: no customer has this ID."""
    return NotFound(ErrorResponse(404, "not_found", "There is no customer with this shortID.", {}))


def precondition_failed(message: str) -> PreconditionFailed:
    """412: `If-Match` or `If-None-Match` does not hold; nothing was written."""
    return PreconditionFailed(ErrorResponse(412, "precondition_failed", message, {}))


def too_large(limit: int) -> BodyTooLarge:
    """413: the body has more than `limit` bytes."""
    return BodyTooLarge(ErrorResponse(413, "payload_too_large", f"The body has more than {limit} bytes.", {}))


def unsupported_media_type(message: str) -> BadRequest:
    """415: the body is encoded in a way that is not read."""
    return BadRequest(ErrorResponse(415, "unsupported_media_type", message, {}))


def expectation_failed(message: str) -> BadRequest:
    """417: the header `Expect` asks for something else than 100-continue."""
    return BadRequest(ErrorResponse(417, "expectation_failed", message, {}))


def unavailable(message: str, retry_after: float = 2.0) -> GatewayFault:
    """503: the database does not answer; nothing was written."""
    return GatewayFault(ErrorResponse(503, "unavailable", message, {}, retry_after))


def not_confirmed() -> GatewayFault:
    """503: the database was lost while it committed, so it is not known whether the change was written."""
    message = "The connection to the database was lost while the change was being written. Read the customer again."
    return GatewayFault(ErrorResponse(503, "not_confirmed", message, {}, 2.0))


def rate_limited(seconds: int) -> RateLimited:
    """429: retry after this many seconds."""
    return RateLimited(
        ErrorResponse(429, "rate_limited", "Too many requests. Slow down and retry.", {}, float(seconds))
    )
