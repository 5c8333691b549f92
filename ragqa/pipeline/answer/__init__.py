"""A question -> an answer with citations, streamed or not, for one caller or many."""
