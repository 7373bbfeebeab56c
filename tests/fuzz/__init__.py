"""What comes from outside, mutated: whatever it is, the command ends in one of its documented ways.

Five inputs, each a module with a strategy of cases (JSON documents, so that one can be played again by what is printed)
and a function that plays a case and returns what must not be. `python -m tests.fuzz --help` plays them for long.
"""
