"""Documents -> the index: finding changes, reading and splitting, embedding, commits, and maintenance."""
