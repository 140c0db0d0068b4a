"""From the end of a plan build to one comment on the pull request."""
