"""parliament's findings; run by the Python of ``.venv-check``, where it is installed.

Standard input: a JSON list of policy documents as text. Standard output: for each a list of ``[issue, detail, location]``.
"""

from __future__ import annotations

import json
import sys

import parliament


def main() -> None:
    """Its command line takes one policy a process and keeps a log in /tmp; the function behind it does neither."""
    answers = []
    for text in json.load(sys.stdin):
        analyzed = parliament.analyze_policy_string(text, ignore_private_auditors=True, config=parliament.config)
        answers.append([[found.issue, found.detail, found.location] for found in analyzed.findings])
    json.dump(answers, sys.stdout, default=str)


if __name__ == "__main__":
    main()
