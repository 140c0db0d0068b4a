"""apt-get: the documented calls only. It installs nothing, what it would install is here already."""

import sys

import said  # type: ignore[import-not-found]  # it runs from its folder

UPDATE = ["update", "--quiet"]
INSTALL = ["install", "--quiet", "--yes", "--no-install-recommends"]
PACKAGES = ("buildah", "skopeo")

arguments = sys.argv[1:]
if arguments == UPDATE:
    said.end("apt-get", arguments, 0)
if arguments[:4] != INSTALL or len(arguments) != 5 or arguments[4] not in PACKAGES:
    said.refuse("apt-get", arguments, f"right is `{' '.join(UPDATE)}`, or `{' '.join(INSTALL)}` with one of {PACKAGES}")
package = arguments[4]
if said.planned("apt-get", package) == "fails":
    print(f"E: Unable to locate package {package}", file=sys.stderr)
    said.end("apt-get", arguments, 100)
said.program(package)
print(f"{package} is this machine's own")
said.end("apt-get", arguments, 0)
