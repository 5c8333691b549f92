"""Serving a pipeline to other programs."""
