"""From a scanner's report to a verdict."""
