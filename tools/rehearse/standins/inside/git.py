"""git: the real one. CodeCommit's name is a git server on loopback, reached through a proxy that this clone is told of."""

import re
import subprocess
import sys
import time

import said  # type: ignore[import-not-found]  # it runs from its folder

HELPER = ["-c", "credential.helper=!aws codecommit credential-helper $@", "-c", "credential.UseHttpPath=true"]
CLONE = ["-c", "init.defaultBranch=main", *HELPER, "clone", "--quiet", "--no-checkout"]

arguments = sys.argv[1:]
host = f"git-codecommit.{said.FACTS['region']}.amazonaws.com"
url = rf"https://{re.escape(host)}/v1/repos/[\w.-]+"
if arguments[:-2] != CLONE or not re.fullmatch(url, arguments[-2]):
    said.refuse("git", arguments, f"right is git {' '.join(CLONE)} of one of {host}'s repositories")
if not said.FACTS.get("git"):
    said.refuse("git", arguments, "there is no CodeCommit here")
to = ["-c", f"http.proxy=http://{said.FACTS['git']}", "-c", f"http.sslCAInfo={said.OURS}/codecommit.crt"]
begun = time.monotonic()
code = subprocess.run([said.program("git"), *to, *arguments], check=False).returncode
said.record("git", said.REAL, arguments, code, at=said.FACTS["git"], seconds=round(time.monotonic() - begun, 2))
sys.exit(code)
