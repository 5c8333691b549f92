"""Texts -> float32[n, dim], pooled and L2-normalised. Knows models and texts; knows neither documents nor the index."""
