"""The packaged scenarios: pytest files that ``keyrig run`` collects."""
