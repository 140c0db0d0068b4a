"""From what AWS tells to what a person reads: once for each execution and cause, and never lost without a word."""
