"""pipelines.yaml -> Terraform. ``make synth`` and ``cdktf`` run this file."""

import gc
import os
import sys
from pathlib import Path

from modules import bindings


def main() -> int:
    """Exit code 0, or 2 with one line for each thing that is wrong on standard error and nothing written."""
    missing = bindings.node_missing(os.environ)
    node = None if missing else bindings.start(os.environ)
    from stacks.settings import MistakesError, load  # while Node starts

    try:
        settings = load(os.environ, Path(__file__).resolve().parent)
        if not node:
            raise MistakesError([missing or ""])
        node.result()
        from stacks import app, summary  # loads the bindings

        written = app.synthesize(settings)
    except MistakesError as error:
        print(*error.messages, sep="\n", file=sys.stderr)
        return 2
    summary.show(settings, written)
    gc.freeze()  # or the interpreter walks all of the bindings once more before it ends
    return 0


if __name__ == "__main__":
    sys.exit(main())
