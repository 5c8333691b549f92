"""Compares the text that is read from real files with reference texts, beside markitdown. Run by `make bench-reading`."""
