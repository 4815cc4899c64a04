#!/usr/bin/env python3
"""Checks what includes and links what: the floors of the library, the public headers, the parts of the reference
application; and that code in the documents is code that is compiled.

Prints one line a breach and exits with 1 when there is any. structure_test.py breaks each rule once.
"""

import pathlib
import re
import sys
import textwrap

# A module may include and link modules of lower floors, and those of its own floor that are listed here.
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

CMAKE_CALL = re.compile(r"(\w+)\s*\(([^()]*)\)")
LINKED = re.compile(r"\bmpf(?:::|_)(\w+)")


def includes(path):
    text = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


def links(path):
    """Line, linking module and linked module of what a CMakeLists.txt says."""
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    for match in CMAKE_CALL.finditer(text):
        command, arguments = match.groups()
        words = arguments.split()
        if command == "mpf_add_module":
            module, section = words[0], ""
            for word in words[1:]:
                if word in ("SOURCES", "DEPENDS", "PRIVATE"):
                    section = word
                    continue
                linked = LINKED.match(word)
                other = word if section == "DEPENDS" else linked.group(1) if linked and section == "PRIVATE" else None
                if other in FLOOR_OF:
                    start = match.start(2) + re.search(rf"(?<!\S){re.escape(word)}(?!\S)", arguments).start()
                    yield text.count("\n", 0, start) + 1, module, other
        elif command == "target_link_libraries" and words and LINKED.match(words[0]):
            module = LINKED.match(words[0]).group(1)
            for word in LINKED.finditer(arguments):
                if module in FLOOR_OF and word.group(1) in FLOOR_OF:
                    yield text.count("\n", 0, match.start(2) + word.start()) + 1, module, word.group(1)


class Checker:
    def __init__(self, root):
        self.root = root
        self.problems = []

    def report(self, path, line, message):
        self.problems.append(f"{path.relative_to(self.root)}:{line}: {message}")

    def check_floor(self, path, line, module, other, verb):
        if other == module or other not in FLOOR_OF:
            return
        below = FLOOR_OF[other] < FLOOR_OF[module]
        if not below and (module, other) not in SAME_FLOOR:
            self.report(
                path, line, f"{module} (floor {FLOOR_OF[module]}) must not {verb} {other} (floor {FLOOR_OF[other]})"
            )

    def check_library(self):
        for folder in ("include/mpf", "src"):
            for path in sorted((self.root / folder).rglob("*.[hc]pp")):
                module = path.relative_to(self.root / folder).parts[0]
                if module not in FLOOR_OF:
                    name = pathlib.Path(__file__).name
                    self.report(path, 1, f"'{module}' is not a module on any floor; add it to {name}")
                    continue
                for line, target in includes(path):
                    parts = target.split("/")
                    self.check_floor(path, line, module, parts[1] if parts[0] == "mpf" else parts[0], "include")
                    if folder == "include/mpf":
                        self.check_public(path, line, target)

    def check_public(self, path, line, target):
        name = str(path.relative_to(self.root))
        if HIDDEN.match(target) and not target.startswith(MAY_SHOW.get(name, "\0")):
            self.report(path, line, f"a public header must not include <{target}>: hide it in a source")
        if not target.startswith("mpf/") and "/" in target and target.split("/")[0] in FLOOR_OF:
            self.report(path, line, f"a public header must not include the private {target}")

    def check_links(self):
        for path in sorted((self.root / "src").rglob("CMakeLists.txt")):
            for line, module, other in links(path):
                self.check_floor(path, line, module, other, "link")

    def check_application(self):
        app = self.root / "reference_app"
        for group in GROUPS:
            for path in sorted((app / group).rglob("*.[hc]pp")):
                for line, target in includes(path):
                    parts = target.split("/")
                    if parts[0] in GROUPS and parts[0] != group and parts[-1] != "api.hpp":
                        way = f"{parts[0]}/{parts[1]}/api.hpp"
                        self.report(path, line, f"service group {group} may use {parts[0]} only through {way}")
                    if parts[0] == "extensions":
                        self.report(path, line, "the core application never includes an extension")

    def check_documents(self):
        """Code is cut from sources that are compiled and tested: "<!-- cut from FILE#NAME -->" stands above it, and
        "// [NAME]" and "// [/NAME]" around it in the source."""
        for page in [self.root / "README.md", *sorted((self.root / "docs").glob("*.md"))]:
            text = page.read_text(encoding="utf-8")
            for match in re.finditer(r"^(?:<!-- cut from (\S+)#(\S+) -->\n)?```cpp\n(.*?)```", text, re.M | re.S):
                line = text.count("\n", 0, match.start()) + 1
                file, name, code = match.groups()
                if file is None:
                    self.report(page, line, "code is cut from a source: put <!-- cut from FILE#NAME --> above it")
                    continue
                source = (self.root / file).read_text(encoding="utf-8")
                parts = re.split(rf"^ *// \[/?{re.escape(name)}\]\n", source, flags=re.M)
                if len(parts) != 3:
                    self.report(page, line, f"{file} has no code between // [{name}] and // [/{name}]")
                elif textwrap.dedent(parts[1]) != code:
                    self.report(page, line, f"the code is not that between the [{name}] marks of {file}")

    def check(self):
        self.check_library()
        self.check_links()
        self.check_application()
        self.check_documents()
        return self.problems


def main():
    problems = Checker(pathlib.Path(__file__).resolve().parents[2]).check()
    print("\n".join(problems) if problems else "structure is clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
