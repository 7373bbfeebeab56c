"""A run's report: one model, many formats."""
