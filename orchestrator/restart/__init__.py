"""One environment, from the baseline to its end. Time, the platform and the journal come in through ports."""
