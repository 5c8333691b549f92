"""PPTX -> text. It runs in the sandbox; the archive is examined before any XML is built.

presentation  the slides in order, their notes and comments -> the text, its pages and headings
shapes        the shapes of a slide -> blocks of lines
lists         bullets and numbers, which layouts and masters hand down
text          a paragraph -> its characters
comments      comments of both kinds -> lines
"""

from ragqa.load.pptx.presentation import extract

__all__ = ["extract"]
