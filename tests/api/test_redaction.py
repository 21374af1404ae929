"""Secrets that a server echoes are masked in every encoding."""

import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.redaction import Redaction, address_without_secrets


@pytest.mark.promise("A4")
@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=6, max_size=30))
def test_every_encoding_of_a_secret_is_masked(secret: str) -> None:
    redaction = Redaction()
    redaction.add(secret)
    for written in (secret, json.dumps(secret), html.escape(secret), quote(secret), quote_plus(secret)):
        assert "•••" in redaction(f"before {written} after")


@pytest.mark.promise("A4")
def test_client_secret_stays_masked_after_many_tokens() -> None:
    redaction = Redaction()
    redaction.add("canary-secret", keep=True)
    for number in range(100):
        redaction.add(f"canary-token-{number}")
    assert redaction("canary-secret canary-token-99 canary-token-98") == "••• ••• •••"


@pytest.mark.promise("A4")
@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://login.example.com/in?token=canary#canary", "https://login.example.com/in?…"),
        ("https://u:canary@login.example.com:8443/in", "https://login.example.com:8443/in"),
        ("/login;x?canary", "/login;x?…"),
        ("//other/login", "other/login"),
        ("http://[?canary", "http://["),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_redirect_is_shown_without_query_and_password(address: str, shown: str) -> None:
    assert address_without_secrets(address) == shown
