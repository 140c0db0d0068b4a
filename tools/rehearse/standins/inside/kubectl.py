"""kubectl: what it does by itself is real (rendering, kustomize). A Kubernetes API cannot be had: its part is a folder for each
cluster and namespace, reached by who has logged in as `aws eks update-kubeconfig` says.

https://kubernetes.io/docs/reference/kubectl/generated/kubectl_apply/, .../kubectl_rollout/kubectl_rollout_status/
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import said  # type: ignore[import-not-found]  # it runs from its folder

arguments = sys.argv[1:]


def cluster() -> Path:
    """The folder of the cluster that KUBECONFIG leads to, after its login has worked."""
    place = os.environ.get("KUBECONFIG", "")
    if not Path(place).is_file():
        said.refuse("kubectl", arguments, "no KUBECONFIG: nobody has logged in")
    # What `aws eks update-kubeconfig` writes; there is no YAML in Python's library.
    found = re.search(r"args:\n((?: *- .*\n)+) *command: aws$", Path(place).read_text(encoding="utf-8"), re.MULTILINE)
    options = re.findall(r"- (.*)", found[1]) if found else []
    if "get-token" not in options or "--cluster-name" not in options:
        raise said.refuse("kubectl", arguments, "the kubeconfig does not log in as EKS has it")
    name = options[options.index("--cluster-name") + 1]
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        said.refuse("kubectl", arguments, f"{name} is no cluster's name")
    folder, logged_in = Path(said.OURS, "cluster", name), Path(place + ".logged-in")
    if logged_in.exists():  # once for each kubeconfig, where kubectl would ask for a token each time
        return folder
    login = subprocess.run(["aws", *options], capture_output=True, text=True, check=False)
    try:
        token = json.loads(login.stdout)["status"]["token"]
    except (ValueError, KeyError):
        print(f"error: You must be logged in to the server: {login.stderr.strip()}", file=sys.stderr)
        said.end("kubectl", arguments, 1)
    if not token.startswith("k8s-aws-v1."):
        said.refuse("kubectl", arguments, "the login gave no token of EKS")
    logged_in.touch()
    return folder


def namespaced(given: list[str]) -> tuple[Path, list[str]]:
    if given[:1] != ["--namespace"] or not re.fullmatch(r"[a-z0-9-]+", given[1]):
        said.refuse("kubectl", arguments, "it names no namespace")
    return cluster() / given[1], given[2:]


def apply(given: list[str]) -> None:
    folder, rest = namespaced(given)
    dry = rest[:1] == ["--dry-run=server"]
    rest = rest[1:] if dry else rest
    if len(rest) != 2 or rest[0] != "--filename":
        said.refuse("kubectl", arguments, "right is apply --namespace N [--dry-run=server] --filename F")
    content = json.loads(Path(rest[1]).read_text(encoding="utf-8"))
    lines = []
    for item in content["items"] if content["kind"] == "List" else [content]:
        name, found = item["metadata"]["name"], item["metadata"].get("namespace", folder.name)
        if found != folder.name:
            print(f"error: the namespace from the provided object {found!r} does not match", file=sys.stderr)
            said.end("kubectl", arguments, 1)
        group = item["apiVersion"].rpartition("/")[0]
        shown = f"{item['kind'].lower()}{'.' + group if group else ''}/{name}"
        file = folder / f"{item['kind'].lower()}-{name}.json"
        before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
        state = "created" if before is None else "unchanged" if before == item else "configured"
        lines.append(f"{shown} {state}{' (server dry run)' if dry else ''}")
        if not dry:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(item), encoding="utf-8")
    print("\n".join(lines))
    said.end("kubectl", arguments, 0, namespace=folder.name, images=images(content))


def images(content: Any) -> list[str]:
    return sorted(set(re.findall(r'"image": "([^"]+)"', json.dumps(content))))


def rollout(given: list[str]) -> None:
    folder, rest = namespaced(given)
    if len(rest) != 2 or not re.fullmatch(r"--timeout=\d+s", rest[1]):
        said.refuse("kubectl", arguments, "right is rollout status --namespace N KIND/NAME --timeout=Ns")
    kind, _, name = rest[0].partition("/")
    file = folder / f"{kind}-{name}.json"
    if not file.is_file():
        print(f'Error from server (NotFound): {kind}s.apps "{name}" not found', file=sys.stderr)
        said.end("kubectl", arguments, 1)
    rolled = file.with_suffix(".rolled")
    known = rolled.is_file() and rolled.read_text(encoding="utf-8") == file.read_text(encoding="utf-8")
    # A namespace that breaks takes nothing that it has not run before.
    if not known and folder.name in (said.planned("kubectl", "breaks") or ()):
        print(f'error: {kind} "{name}" exceeded its progress deadline', file=sys.stderr)
        said.end("kubectl", arguments, 1, namespace=folder.name)
    rolled.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    print(f'{kind} "{name}" successfully rolled out')
    said.end("kubectl", arguments, 0, namespace=folder.name)


if arguments[:2] == ["patch", "--local"]:
    said.real("kubectl", arguments)
if arguments[:1] == ["apply"]:
    apply(arguments[1:])
if arguments[:2] == ["rollout", "status"]:
    rollout(arguments[2:])
said.refuse("kubectl", arguments, "right is patch --local, apply, or rollout status")
