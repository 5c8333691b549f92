"""files -> Document: what a folder holds, and the text of each file with what is known about it.

`folder` finds files and reads their bytes. What the bytes say is found out in a child process (the room `sandbox`):
`extract` goes by the type of a file, `decode` turns bytes into text, `text`, `table` and `html` know the formats that are
text, `pdf` and `docx` those that are not. `memory` takes documents that some program has already.
"""

from ragqa.load.extracted import Limits
from ragqa.load.folder import MEDIA_TYPES, FolderLoader
from ragqa.load.memory import MemoryLoader, text_document

__all__ = ["MEDIA_TYPES", "FolderLoader", "Limits", "MemoryLoader", "text_document"]
