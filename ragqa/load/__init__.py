"""files -> Document: what a folder holds, and the text of each file with what is known about it.

`folder` finds files and reads their bytes. What the bytes say is found out in a child process (the room `sandbox`):
`formats` lists the formats, `readers` hands a file to its format, `extract` runs in the child and calls the function that
the format names, `decode` turns bytes into text, `text`, `table` and `html` know the formats that are text, `pdf` and
`docx` those that are not. `memory` takes documents that a program has already.
"""

from ragqa.load.bounds import Limits
from ragqa.load.folder import FolderLoader
from ragqa.load.formats import FORMATS, MEDIA_TYPES, Format
from ragqa.load.memory import MemoryLoader, text_document

__all__ = ["FORMATS", "MEDIA_TYPES", "FolderLoader", "Format", "Limits", "MemoryLoader", "text_document"]
