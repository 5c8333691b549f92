"""Tests for parts of your own: one class for each Protocol, from which a test class of pytest inherits.

    from ragqa.testing.index import IndexContract

    class TestMyIndex(IndexContract):
        def make(self, folder: Path) -> MyIndex:
            return MyIndex(folder)

Each test checks one requirement of the Protocol. Its docstring says where a pipeline relies on it. The modules need
only pytest's `tmp_path`.
"""
