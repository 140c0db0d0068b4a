"""buildah: the real one."""

import sys

import said  # type: ignore[import-not-found]  # it runs from its folder

said.real("buildah", sys.argv[1:])
