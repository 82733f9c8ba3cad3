"""Runs the benchmarks and prints them as a table; `--markdown` for the README beside this file."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

from benchmarks.measure import Row

GROUPS = ("interpreting", "journaling", "mapping", "starting", "calling", "serving", "testing", "tuning", "million")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; default: all")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each (default 5); the best counts")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}; choose from {', '.join(GROUPS)}")
    if options.markdown:
        print("| what | result | times the floor | floor | mark |\n|---|---|---|---|---|")
    for row in _rows(options.groups or GROUPS, options.runs):
        print(_markdown(row) if options.markdown else _line(row), flush=True)


def _rows(groups: tuple[str, ...], runs: int) -> Iterator[Row]:
    for group in groups:
        yield from importlib.import_module(f"benchmarks.{group}").rows(runs)


def _result(row: Row) -> str:
    if row.unit == "MB":
        return f"{row.ours:.0f} MB"
    if row.count == 1 and row.ours < 0.5:
        return f"{row.ours * 1000:.1f} ms"
    return f"{row.ours:.2f} s" if row.count == 1 else f"{row.per_second:,.0f} {row.unit}/s"


def _line(row: Row) -> str:
    return f"{row.name:<55} {_result(row):>28}   {row.ratio:6.2f} times {row.floor_is}; mark {row.mark}"


def _markdown(row: Row) -> str:
    return f"| {row.name} | {_result(row)} | {row.ratio:.2f} | {row.floor_is} | {row.mark} |"


if __name__ == "__main__":
    main()
