"""How well answers are read from the gold paragraph of SQuAD 1.1 (Rajpurkar et al. 2016), step by step.

Everything is chosen on the first 24 articles by title (split `tune`) and reported on the other 24 (split `report`).
"""
