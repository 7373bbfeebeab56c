"""`python -m orchestrator` does what `qovery-restart` does."""

from orchestrator.cli import main

if __name__ == "__main__":
    main()
