"""The programs of a framework image: `train` runs the user's script, `serve` the user's inference functions."""

from __future__ import annotations

import sys

from asl_runner.sagemaker.containers.tree import Tree

USAGE = "usage: python -m asl_runner.sagemaker.algorithms.scripts train|serve"


def main(arguments: list[str]) -> int:
    """The exit code of the program named by the one argument."""
    if arguments == ["train"]:
        from asl_runner.sagemaker.algorithms.scripts.training import train

        return train(Tree.of_this_process())
    if arguments == ["serve"]:
        from asl_runner.sagemaker.algorithms.scripts.serving import serve

        return serve(Tree.of_this_process())
    sys.stderr.write(USAGE + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
