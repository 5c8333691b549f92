"""The tests, in folders that mirror the rooms of ragqa; those that concern several rooms are in this folder."""

import os
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).parent.parent
"""The folder of the repository."""

os.environ["RAGQA_PROFILE"] = "small"  # whatever models this machine has, and whatever it has room for

settings.register_profile("ragqa", deadline=None)  # on a busy machine, an example may take any time
settings.load_profile("ragqa")

LIBRARIES = {"llama_index.md": "llama_index"}
"""The pages whose library is not installed for the tests; `make test-clients` runs these."""
