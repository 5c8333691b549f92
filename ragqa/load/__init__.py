"""files -> Document: the files of a folder, and the text of each with its title, pages and metadata.

`folder` finds files, by `globs`, and reads their bytes. The bytes are parsed in a child process (the room `sandbox`):
`formats` lists the formats, `readers` hands a file to its format, `extract` runs in the child and calls the function
that the format names, `decode` turns bytes into text, `text`, `table` and `html` know the formats that are text, `pdf`
and `docx` those that are binary. `members` lists and reads the files inside other files, `containers` unpacks them in the
child, `zipped` and `mail` know such files. `memory` takes documents that a program already has in memory.
"""

from ragqa.load.bounds import Limits
from ragqa.load.folder import FolderLoader
from ragqa.load.formats import FORMATS, MEDIA_TYPES, Format
from ragqa.load.globs import FileGlobs
from ragqa.load.memory import MemoryLoader, text_document

__all__ = ["FORMATS", "MEDIA_TYPES", "FileGlobs", "FolderLoader", "Format", "Limits", "MemoryLoader", "text_document"]
