"""`asl-runner test`: runs the case files of a folder."""

from __future__ import annotations

import click


@click.command(
    "test",
    epilog="""\b
Examples:
  asl-runner test
  asl-runner test tests/order.asl-test.yaml -k refused
  asl-runner test tests --json | jq '.cases[] | select(.passed | not)'

\b
Exit codes: 0 all passed, 1 some did not, 2 usage (a file that is wrong).""",
)
@click.argument("paths", metavar="[PATH...]", nargs=-1, type=click.Path(exists=True))
@click.option("-k", "keyword", metavar="TEXT", help="Only cases with this in their name.")
@click.option(
    "--runtime",
    type=click.Choice(["inline", "process"]),
    default="inline",
    show_default=True,
    help="How local functions run: in this process, or in their own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object with every case.")
def command(paths: tuple[str, ...], keyword: str | None, runtime: str, as_json: bool) -> int:
    """Run the cases in *.asl-test.yaml files, in the folders and files PATH (default: here), in virtual time.

    The same files are collected by pytest where asl_runner is installed; docs/testing.md shows how they are written.
    """
    from asl_runner.cli.testing import run_cases

    return run_cases(paths or (".",), keyword, "process" if runtime == "process" else "inline", as_json=as_json)
