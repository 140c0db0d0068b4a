"""The AWS CLI: the real one, against the emulator. ECR's own scan, which no emulator has, is answered here, but only to whoever the
emulator would have let ask.

A build's first call leaves a process behind that has imported the CLI; later calls are forks of it (served.py). To import it
takes three times as long as what most calls do.
"""

import sys

import served  # type: ignore[import-not-found]  # it runs from its folder

SCAN = ["ecr", "describe-image-scan-findings"]

arguments = sys.argv[1:]
if arguments[:2] != SCAN:
    served.ask(arguments)  # and ends with it, unless this is the first call

import importlib.util  # noqa: E402 - a later call needs none of these
import json  # noqa: E402
import re  # noqa: E402
import runpy  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
import urllib.error  # noqa: E402
import urllib.request  # noqa: E402

import said  # type: ignore[import-not-found]  # noqa: E402

UNKNOWN = re.compile(r"unknown|not supported|unsupported|not implemented|InvalidAction|has nothing for", re.IGNORECASE)


def real(given: list[str]) -> None:
    """The CLI's own program, in this process. Ends as it does."""
    sys.argv[:] = [said.program("aws"), *given]
    begun = time.monotonic()
    code: object = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
        raise
    finally:
        ended = code if isinstance(code, int) else 1
        said.record("aws", said.REAL, given, ended, seconds=round(time.monotonic() - begun, 2))


if arguments[:2] != SCAN:
    if importlib.util.find_spec("awscli") is None:
        said.real("aws", arguments)
    sys.path.pop(0)  # the stand-ins' folder
    served.stay_behind(real)
    real(arguments)
    sys.exit(0)
options = dict(zip(arguments[2::2], arguments[3::2], strict=False))
if set(options) - {"--next-token"} != {"--repository-name", "--image-id", "--max-results", "--output"}:
    said.refuse("aws", arguments, "an option too many or too few")
digest = re.fullmatch(r"imageDigest=(sha256:[0-9a-f]{64})", options["--image-id"])
if not digest or options["--max-results"] != "1000" or options["--output"] != "json":
    raise said.refuse("aws", arguments, "it must ask for one digest, 1000 results and JSON")
asked = subprocess.run([said.program("aws"), *arguments], capture_output=True, text=True, check=False)
if asked.returncode == 0 or not UNKNOWN.search(asked.stderr):  # answered, or denied
    sys.stdout.write(asked.stdout)
    sys.stderr.write(asked.stderr)
    said.record("aws", said.REAL, arguments, asked.returncode)
    sys.exit(asked.returncode)
place = f"http://{said.FACTS['registry']}/v2/{options['--repository-name']}/manifests/{digest[1]}"
accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
try:
    # The registry behind ECR's name: to ask ECR itself is none of this role's permissions.
    with urllib.request.urlopen(urllib.request.Request(place, headers=accept, method="HEAD"), timeout=30):
        pass
except urllib.error.HTTPError:
    # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html#API_DescribeImageScanFindings_Errors
    code = "ImageNotFoundException"
    print(
        f"An error occurred ({code}) when calling the DescribeImageScanFindings operation: not there", file=sys.stderr
    )
    said.end("aws", arguments, 254)
answer = said.planned("ecr")
if isinstance(answer, dict) and "error" in answer:
    words = f"An error occurred ({answer['error']}) when calling the DescribeImageScanFindings operation: as planned"
    print(words, file=sys.stderr)
    said.end("aws", arguments, 254)
page = said.report("aws", arguments, answer)
page["repositoryName"] = options["--repository-name"]
page["imageId"] = {"imageDigest": digest[1]}
print(json.dumps(page))
said.end("aws", arguments, 0)
