"""A pipeline file -> its parts, and what can be said of them before they run: mistakes, the context budget, a fingerprint."""
