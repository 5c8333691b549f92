"""Contract tests for parts of your own: inherit from the class for a part in a module of pytest, and say how it is made."""
