"""The pages' script and style sheet, each one text: what is served is also what a file holds.

The script is written as modules in `static/`; here they become one, after the vendored files they use.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

from asl_runner.graph.svg_picture import colours, rules

MODULES = (
    "lib.js", "format.js", "source.js", "actions.js", "json.js", "graph.js", "table.js", "events.js", "panel.js",
    "execution.js", "pages.js",
)  # fmt: skip
"""In the order they are run: each uses only those before it."""

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


@cache
def script() -> str:
    """The whole script, to be run as a module."""
    room = files("asl_runner.web")
    manifest = json.loads((room / "vendor/manifest.json").read_text(encoding="utf-8"))
    vendored = [
        f"/*! {one['package']} {one['version']}, {one['license']} */\n"
        f"(function(){{{(room / 'vendor' / one['file']).read_text(encoding='utf-8')}\n}}).call(globalThis);"
        for one in manifest["files"]
    ]
    own = [(room / "static" / name).read_text(encoding="utf-8") for name in MODULES]
    return "\n".join([*vendored, *(_EXPORT.sub("", _IMPORT.sub("", text)) for text in own)])


@cache
def style() -> str:
    """The whole style sheet, the graph's included."""
    own = (files("asl_runner.web") / "static/app.css").read_text(encoding="utf-8")
    return colours() + rules() + own
