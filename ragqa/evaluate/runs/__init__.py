"""A run: every question is put to a system, what came back is scored, and each result is kept as it comes.

evaluation     evaluate: questions and a `System` -> results
gold           quotes of evidence -> spans of the documents -> gold passages
lost_points    what of the F1 of a wrong answer was lost, by cause
result         Result: the outcome of one question
folder         a run on disk: run.json, pipeline.yaml, results.jsonl and the reports
"""
