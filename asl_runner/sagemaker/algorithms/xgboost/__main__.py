"""The programs of the built-in XGBoost image: `train` and `serve`, as `docker run IMAGE train` would start them."""

from __future__ import annotations

import os
import sys
import traceback
from importlib.util import find_spec

from asl_runner.sagemaker.algorithms.xgboost.errors import PlatformError, ToolkitError, failure_text
from asl_runner.sagemaker.containers.tree import Tree

USAGE = "usage: python -m asl_runner.sagemaker.algorithms.xgboost train|serve"


def main(arguments: list[str]) -> int:
    """The exit code of the program named by the one argument."""
    if arguments in (["train"], ["serve"]) and (problem := missing_packages()):
        sys.stderr.write(f"{problem}\n")
        return refuse(Tree.of_this_process(), PlatformError(problem))
    if arguments in (["train"], ["serve"]) and is_scripted(Tree.of_this_process()):
        from asl_runner.sagemaker.algorithms.scripts.__main__ import main as run_script

        os.environ.setdefault("ASL_RUNNER_FRAMEWORK", "xgboost")
        return run_script(arguments)
    if arguments == ["train"]:
        return run_training(Tree.of_this_process())
    if arguments == ["serve"]:
        from asl_runner.sagemaker.algorithms.xgboost.serve import serve

        return serve(Tree.of_this_process())
    if len(arguments) == 2 and arguments[0] == "--zygote":
        return run_zygote(int(arguments[1]))
    sys.stderr.write(USAGE + "\n")
    return 2


def run_zygote(descriptor: int) -> int:
    """Imports what the programs need, then forks them on request: 0, or 1 where a fork would not be safe."""
    from asl_runner.sagemaker.algorithms.xgboost import engine, serve, train  # noqa: F401 - loaded for the children
    from asl_runner.sagemaker.containers.zygote import serve_forks

    engine.load_xgboost()
    if engine.native_threads() > 1:
        return 1
    return serve_forks(descriptor, main)


def run_training(tree: Tree) -> int:
    """0, or 1 with the reason in `output/failure` and in the log."""
    from asl_runner.sagemaker.algorithms.xgboost.output import log
    from asl_runner.sagemaker.algorithms.xgboost.termination import exit_on_sigterm
    from asl_runner.sagemaker.algorithms.xgboost.train import log_warnings, train

    exit_on_sigterm()
    log_warnings()
    try:
        train(tree)
    except Exception as error:  # noqa: BLE001 - the outermost place: every failure belongs into the failure file
        if not isinstance(error, ToolkitError):
            sys.stdout.write(traceback.format_exc())
        log(failure_text(error), "ERROR")
        return refuse(tree, error)
    return 0


def is_scripted(tree: Tree) -> bool:
    """Whether the image is to run a user's script instead of the algorithm: what an image with both has to tell."""
    given = tree.hyperparameters.read_text(encoding="utf-8") if tree.hyperparameters.exists() else ""
    told = os.environ.get("SAGEMAKER_PROGRAM") or os.environ.get("ASL_RUNNER_FRAMEWORK")
    return bool(told) or '"sagemaker_program"' in given


def refuse(tree: Tree, error: Exception) -> int:
    """Writes the failure file; the exit code."""
    tree.output.mkdir(parents=True, exist_ok=True)
    tree.failure.write_text(failure_text(error), encoding="utf-8")
    return 1


def missing_packages() -> str | None:
    """What to install, when the packages of the algorithm are not there."""
    missing = [name for name in ("numpy", "scipy", "xgboost") if find_spec(name) is None]
    if not missing:
        return None
    return f"The built-in XGBoost needs {', '.join(missing)}. Install it with: pip install 'asl-runner[ml]'"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
