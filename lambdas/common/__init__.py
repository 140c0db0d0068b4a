"""What more than one function needs. Zipped into each function that imports it (modules/packaging.py)."""
