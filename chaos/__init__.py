"""Faults during load, and whether the service kept its promises: `python -m chaos` (docs/reliability.md)."""
