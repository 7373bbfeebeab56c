"""The report of a run: one model, many formats."""
