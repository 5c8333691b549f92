"""Functions over untrusted bytes, run in a child process that can only compute.

`process` starts the child and exchanges messages with it. `worker` is the child. `confine` removes the rights that the
child does not need: files, network, other processes. A fault of a function affects its own input only: the caller gets
a result or a reason.
"""

from ragqa.sandbox.confine import Confinement, available
from ragqa.sandbox.process import Sandbox, isolated

__all__ = ["Confinement", "Sandbox", "available", "isolated"]
