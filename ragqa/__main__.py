"""The command `ragqa`, and `python -m ragqa`. Nothing is imported from the working folder, which may be untrusted."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line. Ctrl-C ends it without a traceback, also during the import of its modules."""
    _leave_out_working_folder()
    try:
        from ragqa.cli import main as run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()


def _leave_out_working_folder() -> None:
    """Remove the working folder from `sys.path`. `python -m` and an empty part of PYTHONPATH add it.

    It is kept if it is a checkout of this package.
    """
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:  # the working folder was removed
        return
    if here != package:
        sys.path[:] = [path for path in sys.path if path and os.path.realpath(path) != here]


if __name__ == "__main__":
    main()
