"""The journal: what must survive this process, in SQLite, written before it is needed."""
