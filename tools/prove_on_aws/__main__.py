"""``python -m tools.prove_on_aws``; see ``--help``."""

import sys

from tools.prove_on_aws.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
