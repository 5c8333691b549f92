"""Results -> an EvaluationReport -> text, Markdown and one HTML page."""
