"""Documents -> the index: what changed, reading and splitting, embedding, commits, and what keeps an index sound."""
