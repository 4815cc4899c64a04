#!/usr/bin/env python3
"""Runs clang-tidy on the sources of a build, in parallel, and remembers which were clean.

A source is checked again when it, a header of the project that it includes, the rules or the compiler's arguments
have changed. The memory is the user's (XDG_CACHE_HOME), so that every checkout profits from it.

Most of the time goes into headers, so sources of one folder are looked at together, included in one file. Where they
cannot be (names of their own that they share) or something is found, the half of them that it is in is looked at again,
down to a source by itself.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-16"
AT_ONCE = 8

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--build", type=pathlib.Path, required=True)
parser.add_argument("--jobs", type=int, default=os.cpu_count())
parser.add_argument("sources", nargs="*", type=pathlib.Path, help="only these (default: all)")
options = parser.parse_args()

commands = json.loads((options.build / "compile_commands.json").read_text())
ours = {}
for entry in commands:
    path = pathlib.Path(entry["file"])
    if not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "build"):
        continue
    if path.relative_to(ROOT).parts[0] in ("src", "reference_app", "examples") and not path.stem.endswith("_test"):
        ours[path] = entry.get("command", "")

if options.sources:
    wanted = {source.resolve() for source in options.sources}
    ours = {path: command for path, command in ours.items() if path in wanted}

INCLUDE = re.compile(rb'^\s*#\s*include\s*(?:<(mpf/[^>]+)>|"([^"]+)")', re.MULTILINE)
texts = {}


def text_of(path):
    if path not in texts:
        texts[path] = path.read_bytes() if path.is_file() else None
    return texts[path]


def included(path):
    """The source and every header of the project that it reaches."""
    found, waiting = {}, [path]
    while waiting:
        current = waiting.pop()
        if current in found or text_of(current) is None:
            continue
        found[current] = text_of(current)
        for public, quoted in INCLUDE.findall(found[current]):
            name = (public or quoted).decode()
            folders = (ROOT / "include",) if public else (ROOT / "src", ROOT / "reference_app", ROOT, current.parent)
            waiting += [folder / name for folder in folders]
    return found


rules = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
rules.update(subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout)

cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
stamps = cache / "mpf" / "tidy"
stamps.mkdir(parents=True, exist_ok=True)


def stamp_of(path):
    digest = rules.copy()
    digest.update(ours[path].replace(str(ROOT), "").encode())
    for name, text in sorted(included(path).items()):
        digest.update(str(name.relative_to(ROOT)).encode() + b"\0" + text)
    return stamps / digest.hexdigest()


def tidy(*arguments):
    return subprocess.run([TIDY, "--quiet", *map(str, arguments)], capture_output=True, text=True, check=False)


def check_alone(path):
    run = tidy("-p", options.build, path)
    return run.returncode, run.stdout + (run.stderr if run.returncode and not run.stdout else "")


def arguments_of(path):
    """What the compiler is told of a source, but its name and the compiler's own."""
    words = shlex.split(ours[path])
    output = words.index("-o")
    return tuple(words[1:output] + [word for word in words[output + 2 :] if word not in ("-c", str(path))])


def are_clean_together(paths):
    lines = [f'#include "{path}"  // NOLINT(bugprone-suspicious-include)\n' for path in paths]
    name = hashlib.sha256("".join(lines).encode()).hexdigest()[:16] + ".cpp"
    together.mkdir(parents=True, exist_ok=True)
    (together / name).write_text("".join(lines))
    # To it they are headers.
    headers = f"--header-filter=^{re.escape(str(ROOT))}/(include|src|reference_app|examples)/.*"
    return tidy(headers, together / name, "--", *arguments_of(paths[0])).returncode == 0


def check(paths):
    """The findings of the sources, each one's as a text."""
    if len(paths) == 1:
        code, text = check_alone(paths[0])
        if code:
            return [text]
    elif not are_clean_together(paths):
        half = len(paths) // 2
        return check(paths[:half]) + check(paths[half:])
    for path in paths:
        stamp_of(path).touch()
    return []


def groups(paths):
    alike = {}
    for path in paths:
        alike.setdefault((path.parent, arguments_of(path)), []).append(path)
    for some in alike.values():
        count = -(-len(some) // AT_ONCE)
        for i in range(count):
            yield some[i::count]


together = options.build.resolve() / "tidy"
waiting = [path for path in sorted(ours) if not stamp_of(path).exists()]
bad = 0
with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
    # The large ones first, so that no core waits for the last.
    for found in pool.map(check, sorted(groups(waiting), key=len, reverse=True)):
        for text in found:
            bad += 1
            print(text.strip(), flush=True)
print(f"clang-tidy: {len(ours)} sources, {bad} with findings")
sys.exit(1 if bad else 0)
