"""Pictures for the documents, each made by a script from a simulated run."""
