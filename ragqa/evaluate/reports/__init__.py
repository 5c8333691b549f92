"""Results -> an EvaluationReport, and how it is shown: as text, as Markdown and as one HTML page."""
