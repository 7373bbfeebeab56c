"""The live view of a run in a terminal: what it shows is pure, and who draws it never waits for the terminal."""
