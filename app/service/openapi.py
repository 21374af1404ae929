"""The OpenAPI description of the service."""


def document() -> dict[str, object]:
    """The whole description."""
    return {"openapi": "3.1.0", "info": {"title": "Customer API", "version": "v1"}, "paths": {}}
