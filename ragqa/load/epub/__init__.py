"""EPUB -> text. It runs in the sandbox; nothing is fetched, and no entity is loaded.

book      the documents in their reading order -> the text, its headings and places
package   the archive: its package document, DRM and fixed layout
contents  the table of contents -> entries with the places that they point at
pages     a document in XHTML -> lines, with the places of the entries in them
"""

from ragqa.load.epub.book import extract

__all__ = ["extract"]
