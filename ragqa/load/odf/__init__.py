"""ODT and ODP -> text, on lxml alone. It runs in the sandbox; entities in XML are refused.

document  the file -> the text of a text document or of a presentation
slides    the pages of a presentation, their notes and hidden pages
package   the parts of the archive, its properties, and passwords
styles    what a style says about the look of a text, and how lists are numbered
lists     numbers of list items and headings, counted
text      a paragraph -> its characters, and what stands apart from them
body      paragraphs, lists, tables and shapes -> lines
tables    tables -> rows of cells
objects   formulas and charts, which are documents of their own
"""

from ragqa.load.odf.document import presentation, text_document

__all__ = ["presentation", "text_document"]
