"""The Qovery API: its URLs, its JSON shapes, its quirks, and the quota."""
