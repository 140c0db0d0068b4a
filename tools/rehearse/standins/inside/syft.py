"""syft: the real one."""

import sys

import said  # type: ignore[import-not-found]  # it runs from its folder

said.real("syft", sys.argv[1:])
