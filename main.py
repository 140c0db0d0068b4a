"""pipelines.yaml -> Terraform. ``make synth`` and ``cdktf`` run this file."""

import os
import sys
from pathlib import Path

from modules import bindings
from stacks.settings import SettingsError, load


def main() -> int:
    """Exit code 0, or 2 with one line for each thing that is wrong on standard error and nothing written."""
    try:
        settings = load(os.environ, Path(__file__).resolve().parent)
        if settings.fast:
            bindings.install(os.environ)
        bindings.silence_node_banner(os.environ)
        from stacks import app, summary  # after the bindings are prepared: this import loads them

        written = app.synthesize(settings)
    except SettingsError as error:
        print(*error.messages, sep="\n", file=sys.stderr)
        return 2
    summary.show(settings, written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
