"""An AWS on loopback, for tests and for ``make apply-local``: see process.py (outside) and inside/ (what runs)."""
