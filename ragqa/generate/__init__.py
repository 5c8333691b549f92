"""Prompt -> text. This room uses models and prompts; it uses neither documents nor the index."""
