"""A pipeline file -> its parts, and the checks before they run: mistakes, the context budget, a fingerprint."""
