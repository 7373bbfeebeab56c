"""Tells others about a run: a dead man's signal, messages, metrics and traces. Nothing here changes how a run ends."""
