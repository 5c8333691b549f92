"""A run: every question is put to a system, its answer is scored, and each result is written at once.

evaluation     evaluate: questions and a `System` -> results
gold           quotes of evidence -> spans of the documents -> gold passages
lost_points    the lost F1 of a wrong answer, by cause
result         Result: the outcome of one question
folder         a run on disk: run.json, pipeline.yaml, results.jsonl and the reports
"""
