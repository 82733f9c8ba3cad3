"""The errors of the engine in the words of jsonata-js 2.0.6, which are the service's."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from types import CodeType, TracebackType
from typing import Any

from jsonata2py.runtime import MISSING

from asl_runner.expressions.json_text import compact
from asl_runner.expressions.jsonata_guard import GENERATED
from asl_runner.expressions.jsonata_values import weigh

# Texts without places to fill in, where the engine words them differently.
_TEXTS = {
    "D1001": "Number out of range: null",
    "D1004": "Regular expression matches zero length string",
    "D3001": "Attempting to invoke string function on Infinity or NaN",
    "D3010": "Second argument of replace function cannot be an empty string",
    "D3011": "Fourth argument of replace function must evaluate to a positive number",
    "D3012": "Attempted to replace a matched string with a non-string value",
    "D3020": "Third argument of split function must evaluate to a positive number",
    "D3040": "Third argument of match function must evaluate to a positive number",
    "D3050": "The second argument of reduce function must be a function with at least two arguments",
    "D3070": (
        "The single argument form of the sort function can only be applied to an array of strings or an array of "
        "numbers.  Use the second argument to specify a comparison function"
    ),
    "D3080": "The picture string must only contain a maximum of two sub-pictures",
    "D3081": "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
    "D3082": "The sub-picture must not contain more than one instance of the 'percent' character",
    "D3083": "The sub-picture must not contain more than one instance of the 'per-mille' character",
    "D3084": "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
    "D3085": (
        "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit "
        "character' or a member of the 'decimal digit family'"
    ),
    "D3086": (
        "The sub-picture must not contain a passive character that is preceded by an active character and that is "
        "followed by another active character"
    ),
    "D3087": (
        "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a "
        "'decimal-separator' character"
    ),
    "D3088": "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
    "D3089": "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    "D3090": (
        "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed "
        "by an instance of the 'optional digit character'"
    ),
    "D3091": (
        "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that "
        "is followed by a member of the 'decimal digit family'"
    ),
    "D3092": (
        "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an "
        "'exponent-separator'"
    ),
    "D3093": (
        "The exponent part of the sub-picture must comprise only of one or more characters that are members of the "
        "'decimal digit family'"
    ),
    "D3131": "In a decimal digit pattern, all digits must be from the same decimal group",
    "D3134": "The timezone integer format specifier cannot have more than four digits",
    "D3135": "No matching closing bracket ']' in date/time picture string",
    "D3136": "The date/time picture string is missing specifiers required to parse the timestamp",
    "D3138": "The $single() function expected exactly 1 matching result.  Instead it matched more.",
    "D3139": "The $single() function expected exactly 1 matching result.  Instead it matched 0.",
    "T1006": "Attempted to invoke a non-function",
    "T1008": "Attempted to partially apply a non-function",
    "T2003": "The left side of the range operator (..) must evaluate to an integer",
    "T2004": "The right side of the range operator (..) must evaluate to an integer",
    "T2006": "The right side of the function application operator ~> must be a function",
    "T2008": "The expressions within an order-by clause must evaluate to numeric or string values",
}
_OPERATOR = re.compile(r"^(The (?:left|right) side of the )(\S+)( operator)")
_ARGUMENT = re.compile(r"[Aa]rgument (\d+)")
_NAMED = re.compile(r"\$(\w+)")
_ELEMENT = re.compile(r"array of (numbers|strings|booleans|objects|arrays|functions)")
_GIVEN = re.compile(r"timestamp: (.*)$", re.DOTALL)
_KEY = re.compile(r"same key: ['\"](.*)['\"]$", re.DOTALL)


def shown(value: Any) -> str:
    """A value in a message: its JSON text."""
    if value is MISSING:
        return "undefined"
    if isinstance(value, (dict, list)):
        weigh(value)
    try:
        return compact(value)
    except TypeError:
        return "undefined"


def text_of(code: str | None, message: str, traceback: TracebackType | None, source: str) -> str:
    """The text of an engine's error, `source` being the generated code that `traceback` went through."""
    if code in _TEXTS:
        return _TEXTS[code]
    if code in ("T0410", "T0411", "T0412"):
        return _signature_text(code, message, _called(traceback, source))
    if code == "D1009" and (key := _KEY.search(message)):
        return f"Multiple key definitions evaluate to same key: {shown(key.group(1))}"
    if code == "D3110" and (given := _GIVEN.search(message)):
        about = "The argument of the toMillis function must be an ISO 8601 formatted timestamp."
        return f"{about} Given {shown(given.group(1))}"
    return _OPERATOR.sub(r'\1"\2"\3', message)


def _signature_text(code: str, message: str, function: str) -> str:
    named = _NAMED.search(message)
    function = function or (named.group(1) if named else "")
    of = f'of function "{function}"' if function else "of function"
    argument = _ARGUMENT.search(message)
    number = argument.group(1) if argument else "1"
    if code == "T0411":
        return f"Context value is not a compatible type with argument {number} {of}"
    if code == "T0412":
        elements = _ELEMENT.search(message)
        kind = elements.group(1) if elements else "strings" if function == "join" else "numbers"
        return f'Argument {number} {of} must be an array of "{kind}"'
    return f"Argument {number} {of} does not match function signature"


def _called(traceback: TracebackType | None, source: str) -> str:
    """The function of JSONata whose arguments were wrong: the call that the generated code was in."""
    place: tuple[int, int, int, int] | None = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == GENERATED:
            place = _position(code, traceback.tb_lasti)
        traceback = traceback.tb_next
    if place is None:
        return ""
    best = ""
    for call, function in _calls(source):
        # Calls are in the order of the text, outer ones first: the last that encloses the place is the innermost.
        if call[:2] <= place[:2] and place[2:] <= call[2:]:
            best = function
    # A call with too many arguments is translated to an error without a name.
    return "" if best.endswith("_error") else best


def _position(code: CodeType, instruction: int) -> tuple[int, int, int, int] | None:
    line, end_line, column, end_column = list(code.co_positions())[instruction // 2]
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return line, column, end_line, end_column


@lru_cache(maxsize=64)
def _calls(source: str) -> list[tuple[tuple[int, int, int, int], str]]:
    """The places of the calls of JSONata's functions in generated code, with their names."""
    found: list[tuple[tuple[int, int, int, int], str]] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        checked = node.func.id == "call_builtin_ctx" and node.args
        function = node.args[0] if checked else node.func
        if isinstance(function, ast.Name) and function.id.startswith("fn_") and node.end_lineno is not None:
            end = (node.end_lineno, node.end_col_offset or 0)
            found.append(((node.lineno, node.col_offset, *end), function.id.removeprefix("fn_").removesuffix("_ctx")))
    return sorted(found)
