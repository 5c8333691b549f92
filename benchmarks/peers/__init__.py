"""ragqa and four other libraries at the same work: the same chunks, encoder and questions. Run by `make bench-peers`."""
