"""Scans -> text. Pages of a PDF without a text layer and pictures are read by an engine for optical recognition.

The engine runs in the sandbox: `engines` finds one there, `tesseract` and `rapid` know the two, `images` renders pages
and opens pictures, `pages` reads a few pages in one call. `completing` is the main process's side: it asks for the pages
without text, a few at a time, and puts what was read into the text of the document.
"""
