"""Functions over untrusted bytes, run in a child process that can compute and do nothing else.

`process` starts the child and talks to it, `worker` is the child, `confine` takes from it what it does not need: files,
network, other processes. Whatever a function does, it costs its own input only: the caller gets an answer or a reason.
"""

from ragqa.sandbox.confine import Confinement, available
from ragqa.sandbox.process import Sandbox, isolated

__all__ = ["Confinement", "Sandbox", "available", "isolated"]
