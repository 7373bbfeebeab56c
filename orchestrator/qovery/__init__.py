"""The Qovery API: everything that knows its URLs, its shapes and its quirks."""
