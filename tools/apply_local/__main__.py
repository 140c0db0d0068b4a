"""``python -m tools.apply_local``: everything that a user would do with this project, on an emulated account."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import yaml

from modules import bindings

bindings.start(os.environ).result()

from stacks.settings import MistakesError  # noqa: E402 - the bindings above come first
from tools.apply_local import existing  # noqa: E402
from tools.apply_local.checkout import FailedError  # noqa: E402
from tools.apply_local.life import KEPT, KEPT_AT, Life, begun, temporary  # noqa: E402
from tools.emulator.process import ROOT, EmulatorError  # noqa: E402
from tools.terraform_cli import TerraformMissingError  # noqa: E402

UNKNOWN = ROOT / "tools" / "emulator" / "unknown.yaml"


def say(text: str) -> None:
    """One line, at once: this takes minutes."""
    print(text, flush=True)


def kept(life: Life) -> int:
    """Leave it to the person until Ctrl-C: how to speak to it with any tool that speaks to AWS."""
    (life.emulator.folder / KEPT).write_text(life.to_json(), encoding="utf-8")
    say("\nIt stays until Ctrl-C. In another shell:\n")
    for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        say(f"  export {name}={shlex.quote(life.checkout.environment[name])}")
    say(f"  export {KEPT_AT}={life.emulator.folder}   # for tests/emulator: do not deploy again")
    signal.pause()
    return 0


def unknown() -> dict[str, list[object]]:
    """What this cannot show."""
    content: dict[str, list[object]] = yaml.safe_load(UNKNOWN.read_text(encoding="utf-8"))
    return content


def live(life: Life, keep: bool) -> int:
    """Deploy, plan, use, destroy. 0: created, no second change, nothing left."""
    say(f"\nDeploying {', '.join(life.checkout.order)}: cdktf deploy")
    made = life.deploy()
    say("\nWhat exists now, beside what the account held before:")
    existing.show(made, say)
    say("\nPlanning again: every stack must be as it is described")
    changed = life.changes()
    if changed:
        say("\nNOT CLEAN: a second plan would change\n  " + "\n  ".join(changed))
        return 1
    if keep:
        return kept(life)
    say("\nUsing it: versions and delete markers in the buckets, images in the registry")
    for name, number in life.use().items():
        say(f"  {name:<50}{number:>6}")
    say('\nDestroying it: the commands of docs/operations.md, "Destroying"')
    left = life.destroy()
    if left:
        say("\nNOT GONE:")
        existing.show(left, say)
        return 1
    say("\nEverything was created, stayed as described, and is gone.")
    return 0


def main() -> int:
    """1: something is not as it must be; 2: it could not be tried."""
    parser = argparse.ArgumentParser(prog="make apply-local", description=__doc__)
    parser.add_argument(
        "pipelines", nargs="?", type=Path, default=os.environ.get("PIPELINES") or ROOT / "pipelines.yaml"
    )
    parser.add_argument("--keep", action="store_true", help="deploy, then leave it running until Ctrl-C")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    try:
        with temporary("apply-local-") as folder:
            with begun(Path(folder), Path(arguments.pipelines).resolve(), say) as life:
                say(f"Emulator on {life.emulator.url}, in {folder}")
                say(
                    f"{len(unknown()['not_answered'])} calls that no emulator answers are in {UNKNOWN.relative_to(ROOT)}"
                )
                code = live(life, arguments.keep)
            say(f"{time.monotonic() - began:.0f} s; the emulator has ended.")
            return code
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    except MistakesError as error:
        print(*error.messages, sep="\n", file=sys.stderr)
        return 2
    except (EmulatorError, TerraformMissingError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the emulator has ended and its folder is gone", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
