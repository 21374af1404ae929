"""Three-way merge: nobody's change is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.fields import WRITABLE_FIELDS
from app.repository.merge import Conflict, merge
from tests.customers import customer, records


@pytest.mark.promise("W1")
@given(records(), records(), st.dictionaries(st.sampled_from(WRITABLE_FIELDS), st.sampled_from(["", "a", "b", "c"])))
def test_every_field_ends_as_the_one_who_changed_it_wanted(
    base: dict[str, str], theirs: dict[str, str], changes: dict[str, str]
) -> None:
    merged = merge(customer(**base), changes, customer(**theirs))
    for name in WRITABLE_FIELDS:
        was, now, mine = base[name], theirs[name], changes.get(name, base[name])
        if mine != was and now != was and mine != now:
            assert merged.conflicts[name] == Conflict(was, now, mine)
            assert name not in merged.to_send
            continue
        assert name not in merged.conflicts
        result = merged.to_send.get(name, now)
        assert result == (mine if mine != was else now)
        assert (name in merged.theirs_kept) == (now != was and mine == was)


@pytest.mark.promise("W1")
def test_what_is_so_already_is_not_sent_again() -> None:
    merged = merge(customer(phone="1"), {"phone": "2"}, customer(phone="2"))
    assert not merged.to_send
    assert not merged.conflicts


@pytest.mark.promise("W1")
def test_a_field_typed_back_to_what_it_was_is_not_a_change() -> None:
    merged = merge(customer(phone="1"), {"phone": "1"}, customer(phone="2"))
    assert not merged.to_send
    assert merged.theirs_kept == {"phone": "2"}
