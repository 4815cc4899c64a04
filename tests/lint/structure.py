#!/usr/bin/env python3
"""Checks what includes what: the floors of the library, the public headers, the parts of the reference application.

Prints one line a breach and exits with 1 when there is any.
"""

import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A module may include modules of lower floors, and those of its own floor that are listed here.
FLOORS = [
    ["base"],
    ["fiber", "config", "telemetry"],
    ["db", "redis", "http"],
    ["orm", "cache", "storage", "web"],
    ["migrate", "task", "event", "mail"],
    ["tenant", "auth"],
    ["admin", "rest"],
    ["app"],
]
SAME_FLOOR = {("config", "fiber"), ("telemetry", "fiber"), ("auth", "tenant")}
FLOOR_OF = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}

HIDDEN = re.compile(
    r"^(boost/|libpq|pqxx|sqlite3|hiredis|httplib|spdlog/|openssl/|sodium|yaml-cpp/|nlohmann/|CLI/|cmark|prometheus/)"
)
MAY_SHOW = {"include/mpf/base/json_dom.hpp": "nlohmann/"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)

# Service groups of the reference application; others may use only <group>/<module>/api.hpp.
GROUPS = ["foundation", "user", "content", "product", "frontend"]

problems = []


def includes(path):
    text = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


def report(path, line, message):
    problems.append(f"{path.relative_to(ROOT)}:{line}: {message}")


def check_floor(path, line, module, target):
    other = target.split("/")[1] if target.startswith("mpf/") else target.split("/")[0]
    if other == module or other not in FLOOR_OF:
        return
    below = FLOOR_OF[other] < FLOOR_OF[module]
    if not below and (module, other) not in SAME_FLOOR:
        report(path, line, f"{module} (floor {FLOOR_OF[module]}) must not include {other} (floor {FLOOR_OF[other]})")


for folder in ("include/mpf", "src"):
    for path in sorted((ROOT / folder).rglob("*.[hc]pp")):
        module = path.relative_to(ROOT / folder).parts[0]
        if module not in FLOOR_OF:
            report(path, 1, f"'{module}' is not a module on any floor; add it to {pathlib.Path(__file__).name}")
            continue
        for line, target in includes(path):
            check_floor(path, line, module, target)
            if folder == "include/mpf":
                name = str(path.relative_to(ROOT))
                if HIDDEN.match(target) and not target.startswith(MAY_SHOW.get(name, "\0")):
                    report(path, line, f"a public header must not include <{target}>: hide it in a source")
                if not target.startswith("mpf/") and "/" in target and target.split("/")[0] in FLOOR_OF:
                    report(path, line, f"a public header must not include the private {target}")

app = ROOT / "reference_app"
for group in GROUPS:
    for path in sorted((app / group).rglob("*.[hc]pp")):
        for line, target in includes(path):
            parts = target.split("/")
            if parts[0] in GROUPS and parts[0] != group and parts[-1] != "api.hpp":
                report(path, line, f"service group {group} may use {parts[0]} only through {parts[0]}/{parts[1]}/api.hpp")
            if parts[0] == "extensions":
                report(path, line, "the core application never includes an extension")

# Code in the documents is cut from sources that are compiled and tested: "<!-- cut from FILE#NAME -->" stands
# above it, and "// [NAME]" and "// [/NAME]" around it in the source.
for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^(?:<!-- cut from (\S+)#(\S+) -->\n)?```cpp\n(.*?)```", text, re.M | re.S):
        line = text.count("\n", 0, match.start()) + 1
        file, name, code = match.groups()
        if file is None:
            report(page, line, "code is cut from a source: put <!-- cut from FILE#NAME --> above it")
            continue
        parts = re.split(rf"^ *// \[/?{re.escape(name)}\]\n", (ROOT / file).read_text(encoding="utf-8"), flags=re.M)
        if len(parts) != 3:
            report(page, line, f"{file} has no code between // [{name}] and // [/{name}]")
        elif textwrap.dedent(parts[1]) != code:
            report(page, line, f"the code is not that between the [{name}] marks of {file}")

print("\n".join(problems) if problems else "structure is clean")
sys.exit(1 if problems else 0)
