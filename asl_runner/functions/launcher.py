"""First code of a worker process: ties its life to its parent's, then becomes the runtime client.

    python launcher.py PARENT_PID TASK_ROOT HANDLER CLIENT

CLIENT is `awslambdaric`, AWS's own runtime client, if this interpreter has it, or `fallback`. Run as a file, not as a
module, and with the standard library only, so that a function may run under another interpreter than asl_runner's.
"""

import os
import sys


def die_with_parent(parent: int) -> None:
    """On Linux, has the kernel kill this process when the one that started it ends, however that ends.

    Elsewhere the client notices when the Runtime API is gone.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    pr_set_pdeathsig, sigkill = 1, 9
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, sigkill, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent ended before the kernel was told


def main() -> None:
    """Becomes the runtime client."""
    parent, root, handler, client = sys.argv[1:5]
    die_with_parent(int(parent))
    here = sys.path[0]
    sys.path[0] = root
    if client == "awslambdaric":
        try:
            from awslambdaric.__main__ import main as run
        except ImportError:
            client = "fallback"
        else:
            sys.argv = ["awslambdaric", handler]
            run(sys.argv)
    if client == "fallback":
        from importlib.util import module_from_spec, spec_from_file_location

        # Under a name of its own: the function may have a module `fallback_client` too.
        spec = spec_from_file_location("_asl_runner_client", os.path.join(here, "fallback_client.py"))
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        module.serve(handler, os.environ["AWS_LAMBDA_RUNTIME_API"])


if __name__ == "__main__":
    main()
