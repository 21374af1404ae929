"""Country codes have their common names."""

import subprocess
import sys

from app.text.countries import countries, country_name


def test_country_names_are_common_ones() -> None:
    assert country_name("US") == "United States"
    assert country_name("gb ") == "United Kingdom"
    assert country_name("CI") == "Côte d'Ivoire"
    assert country_name("ZZ") is None
    assert country_name("") is None


def test_choices_are_all_countries_by_name() -> None:
    choices = countries()
    assert len(choices) > 240
    names = [name for _, name in choices]
    assert names[:3] == ["Afghanistan", "Åland Islands", "Albania"]
    assert len(set(names)) == len(names)
    assert all(len(code) == 2 and country_name(code) == name for code, name in choices)
    assert not [name for name in names if "," in name and "and" not in name]


def test_country_list_is_loaded_on_demand() -> None:
    program = "import sys, app.text.countries; print('iso3166' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert loaded.stdout == "False\n"
