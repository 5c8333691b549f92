"""Texts -> float32[n, dim], pooled and L2-normalised. This room uses models and texts; no documents and no index."""
