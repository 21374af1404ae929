"""Three-way merge keeps the changes of both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.fields import WRITABLE_FIELDS
from app.repository.merge import FieldConflict, merge
from tests.customers import customer, records


@pytest.mark.promise("W1")
@given(records(), records(), st.dictionaries(st.sampled_from(WRITABLE_FIELDS), st.sampled_from(["", "a", "b", "c"])))
def test_merge_keeps_both_changes_and_reports_conflicts(
    base: dict[str, str], theirs: dict[str, str], changes: dict[str, str]
) -> None:
    merged = merge(customer(**base), changes, customer(**theirs))
    for name in WRITABLE_FIELDS:
        was, now, mine = base[name], theirs[name], changes.get(name, base[name])
        if mine != was and now != was and mine != now:
            assert merged.conflicts[name] == FieldConflict(was, now, mine)
            assert name not in merged.to_send
            continue
        assert name not in merged.conflicts
        result = merged.to_send.get(name, now)
        assert result == (mine if mine != was else now)
        assert (name in merged.theirs_kept) == (now != was and mine == was)


@pytest.mark.promise("W1")
def test_merge_drops_values_already_stored() -> None:
    merged = merge(customer(phone="1"), {"phone": "2"}, customer(phone="2"))
    assert not merged.to_send
    assert not merged.conflicts


@pytest.mark.promise("W1")
def test_merge_ignores_field_typed_back_to_base() -> None:
    merged = merge(customer(phone="1"), {"phone": "1"}, customer(phone="2"))
    assert not merged.to_send
    assert merged.theirs_kept == {"phone": "2"}
