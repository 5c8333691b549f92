"""HTML -> text. It runs in the sandbox; nothing is fetched, and no entity is loaded.

page        bytes -> the text of a page, its title and metadata
visible     marks what a browser does not show
boilerplate marks menus, page headers and footers, and counts their words
render      the elements that are left -> lines of text
grid        the cells of a table -> rows, with the cells that span several of them
mathml      formulas -> linear text
"""

from ragqa.load.html.extraction import extract, page, parse
from ragqa.load.html.render import Rendered, render

__all__ = ["Rendered", "extract", "page", "parse", "render"]
