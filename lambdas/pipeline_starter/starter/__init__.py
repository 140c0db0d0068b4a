"""From a commit's event to an execution that scans exactly that commit, under its own branch's name."""
