"""The tests, in folders that mirror the rooms of ragqa; what concerns several rooms stands here."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The folder of the repository."""
