"""`python -m ragqa`, which is also the program `ragqa`."""

from __future__ import annotations


def main() -> None:
    """Run the command line; Ctrl-C is quiet while its modules are still being imported, too."""
    try:
        from ragqa.cli import main as run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
