#!/usr/bin/env python3
"""Runs clang-tidy on the sources of a build, in parallel, and remembers which were clean.

A source is checked again when it, any header of the project, the rules or the compiler's arguments have changed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-16"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--build", type=pathlib.Path, required=True)
parser.add_argument("--jobs", type=int, default=os.cpu_count())
options = parser.parse_args()

commands = json.loads((options.build / "compile_commands.json").read_text())
ours = {}
for entry in commands:
    path = pathlib.Path(entry["file"])
    if not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "build"):
        continue
    if path.relative_to(ROOT).parts[0] in ("src", "reference_app", "examples") and not path.stem.endswith("_test"):
        ours[path] = entry.get("command", "")

headers = hashlib.sha256()
for header in sorted(p for f in ("include", "src", "reference_app") for p in (ROOT / f).rglob("*.hpp")):
    if "node_modules" not in header.parts:
        headers.update(header.read_bytes())
headers.update((ROOT / ".clang-tidy").read_bytes())
headers.update(subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout)

stamps = options.build / "tidy"
stamps.mkdir(parents=True, exist_ok=True)


def stamp_of(path):
    digest = headers.copy()
    digest.update(path.read_bytes())
    digest.update(ours[path].encode())
    return stamps / digest.hexdigest()


def check(path):
    stamp = stamp_of(path)
    if stamp.exists():
        return path, 0, ""
    run = subprocess.run(
        [TIDY, "--quiet", "-p", str(options.build), str(path)], capture_output=True, text=True, check=False
    )
    if run.returncode == 0:
        stamp.touch()
    return path, run.returncode, run.stdout + (run.stderr if run.returncode and not run.stdout else "")


bad = 0
with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
    for path, code, text in pool.map(check, sorted(ours)):
        if code:
            bad += 1
            print(text.strip())
print(f"clang-tidy: {len(ours)} sources, {bad} with findings")
sys.exit(1 if bad else 0)
