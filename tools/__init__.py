"""Commands of ``make``; not part of the synthesis."""
