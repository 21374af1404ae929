"""JSON there and back without losing anything: odd numbers, the order of names, lone surrogates."""

import json
from secrets import token_hex
from typing import Any, Final

from app.models.customer import NumberText

_LONGEST_INT: Final = 300


def from_json(text: str) -> Any:
    """Read JSON; numbers that would not be written as they came (`NaN`, `0.10`, `1E5`) are kept as their own text.

    Raises `ValueError` and `RecursionError` as `json.loads` does. Of a key that comes twice, the last counts.
    """
    return json.loads(text, parse_int=_int, parse_float=_float, parse_constant=NumberText)


def to_json(value: Any) -> str:
    """Return JSON in ASCII, so that everything read, even lone surrogates, can go back as it came."""
    numbers: list[str] = []
    mark = f"number {token_hex(16)} "

    def marked(value: Any) -> Any:
        """The value with a mark, which no text can contain by chance, for each number that nothing can hold."""
        if isinstance(value, NumberText):
            numbers.append(str(value))
            return f"{mark}{len(numbers) - 1}"
        if isinstance(value, dict):
            return {name: marked(inner) for name, inner in value.items()}
        return [marked(inner) for inner in value] if isinstance(value, list) else value

    text = json.dumps(marked(value), ensure_ascii=True, separators=(",", ":"))
    for index, number in enumerate(numbers):
        text = text.replace(f'"{mark}{index}"', number, 1)
    return text


def _int(digits: str) -> int | NumberText:
    if len(digits) > _LONGEST_INT:
        return NumberText(digits)
    value = int(digits)
    return value if str(value) == digits else NumberText(digits)


def _float(digits: str) -> float | NumberText:
    value = float(digits)
    return value if repr(value) == digits else NumberText(digits)
