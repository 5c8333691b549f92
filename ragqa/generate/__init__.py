"""Prompt -> text. Knows models and prompts; knows neither documents nor the index."""
