"""The command `ragqa`, and `python -m ragqa`: nothing is imported from the working folder, which may be anybody's."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; Ctrl-C is quiet while its modules are still being imported, too."""
    _leave_out_working_folder()
    try:
        from ragqa.cli import main as run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()


def _leave_out_working_folder() -> None:
    """Take the working folder out of `sys.path`, where `python -m` and an empty part of PYTHONPATH put it.

    A checkout of this package is one that stays.
    """
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:  # it was removed
        return
    if here != package:
        sys.path[:] = [path for path in sys.path if path and os.path.realpath(path) != here]


if __name__ == "__main__":
    main()
