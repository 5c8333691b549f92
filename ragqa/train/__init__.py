"""Training from scratch: a folder of documents -> a vocabulary, and a small language model."""
