"""What is true of a restart, as values and pure functions: standard library only, no clock, no I/O, nothing of ours."""
