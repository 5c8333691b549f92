"""Tests for parts of your own: one class for each Protocol, which a test module of pytest inherits.

    from ragqa.testing.index import IndexContract

    class TestMyIndex(IndexContract):
        def make(self, folder: Path) -> MyIndex:
            return MyIndex(folder)

Each test is about one promise of the Protocol, and a failed one says which promise it is and what a pipeline does with it.
The modules need nothing but pytest's `tmp_path`.
"""
