#!/usr/bin/env python3
"""Breaks each rule of structure.py once, in a small tree that is clean without it."""

import pathlib
import tempfile
import unittest

import structure

CLEAN = {
    "README.md": "# Readme\n",
    "docs/page.md": "<!-- cut from src/orm/query.cpp#taste -->\n```cpp\nint taste();\n```\n",
    "include/mpf/base/text.hpp": "#include <string>\n",
    "include/mpf/db/database.hpp": "#include <mpf/base/text.hpp>\n",
    "src/orm/query.cpp": '#include <sqlite3.h>\n#include "orm/query.hpp"\n// [taste]\nint taste();\n// [/taste]\n',
    "src/orm/CMakeLists.txt": "mpf_add_module(orm\n  SOURCES query.cpp\n  DEPENDS base db\n  PRIVATE fmt::fmt)\n",
    "src/auth/CMakeLists.txt": "mpf_add_module(auth SOURCES user.cpp DEPENDS base tenant)\n",
    "reference_app/content/item/module.cpp": '#include "user/account/api.hpp"\n#include "content/item/rules.hpp"\n',
}

# What is broken: file, its content, and what is said of it.
BREACHES = {
    "an include of a higher floor": (
        "src/db/database.cpp",
        '#include <string>\n#include "orm/query.hpp"\n',
        "src/db/database.cpp:2: db (floor 2) must not include orm (floor 3)",
    ),
    "an include of a higher floor's public header": (
        "include/mpf/base/text.hpp",
        "#include <mpf/fiber/fiber.hpp>\n",
        "include/mpf/base/text.hpp:1: base (floor 0) must not include fiber (floor 1)",
    ),
    "an include of a neighbour": (
        "src/orm/query.hpp",
        "#include <mpf/cache/cache.hpp>\n",
        "src/orm/query.hpp:1: orm (floor 3) must not include cache (floor 3)",
    ),
    "a module on no floor": (
        "src/extra/extra.cpp",
        "",
        "src/extra/extra.cpp:1: 'extra' is not a module on any floor; add it to structure.py",
    ),
    "a library in a public header": (
        "include/mpf/db/sqlite.hpp",
        "#pragma once\n#include <sqlite3.h>\n",
        "include/mpf/db/sqlite.hpp:2: a public header must not include <sqlite3.h>: hide it in a source",
    ),
    "a private header in a public one": (
        "include/mpf/orm/query.hpp",
        '#include "db/pool.hpp"\n',
        "include/mpf/orm/query.hpp:1: a public header must not include the private db/pool.hpp",
    ),
    "a link to a higher floor": (
        "src/db/CMakeLists.txt",
        "mpf_add_module(db\n  SOURCES orm.cpp\n  DEPENDS base\n          orm\n  PRIVATE fmt::fmt)\n",
        "src/db/CMakeLists.txt:4: db (floor 2) must not link orm (floor 3)",
    ),
    "a private link to a higher floor": (
        "src/db/CMakeLists.txt",
        "mpf_add_module(db SOURCES a.cpp DEPENDS base PRIVATE mpf::web)\n",
        "src/db/CMakeLists.txt:1: db (floor 2) must not link web (floor 3)",
    ),
    "a later link to a neighbour": (
        "src/db/CMakeLists.txt",
        "mpf_add_module(db SOURCES a.cpp DEPENDS base)\n# mpf::orm\ntarget_link_libraries(mpf_db PRIVATE mpf::http)\n",
        "src/db/CMakeLists.txt:3: db (floor 2) must not link http (floor 2)",
    ),
    "another group's inside": (
        "reference_app/content/item/module.cpp",
        '#include "user/account/models.hpp"\n',
        "reference_app/content/item/module.cpp:1: service group content may use user only through user/account/api.hpp",
    ),
    "an extension in the core": (
        "reference_app/content/item/module.cpp",
        '#include "extensions/quiz/api.hpp"\n',
        "reference_app/content/item/module.cpp:1: the core application never includes an extension",
    ),
    "code without a source": (
        "docs/other.md",
        "Text.\n\n```cpp\nint lost();\n```\n",
        "docs/other.md:3: code is cut from a source: put <!-- cut from FILE#NAME --> above it",
    ),
    "code of marks that are not there": (
        "docs/other.md",
        "<!-- cut from src/orm/query.cpp#other -->\n```cpp\nint taste();\n```\n",
        "docs/other.md:1: src/orm/query.cpp has no code between // [other] and // [/other]",
    ),
    "code that is no longer so": (
        "docs/page.md",
        "<!-- cut from src/orm/query.cpp#taste -->\n```cpp\nlong taste();\n```\n",
        "docs/page.md:1: the code is not that between the [taste] marks of src/orm/query.cpp",
    ),
}


class StructureTest(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return structure.Checker(root).check()

    def test_a_clean_tree(self):
        self.assertEqual(self.check(CLEAN), [])

    def test_each_breach(self):
        for name, (file, text, message) in BREACHES.items():
            with self.subTest(name):
                self.assertEqual(self.check({**CLEAN, file: text}), [message])

    def test_every_module_is_built_by_what_is_read(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        for path in sorted((root / "src").glob("*/CMakeLists.txt")):
            if path.parent.name == "base":
                continue
            with self.subTest(path.parent.name):
                self.assertIn((path.parent.name, "base"), {(module, other) for _, module, other in structure.links(path)})


if __name__ == "__main__":
    unittest.main()
