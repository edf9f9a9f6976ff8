"""Each check finds what it is for in a small tree, and nothing in one that is in order."""

import os
import tempfile
import unittest

from checks import layers, links, names, opening, unused, version, width
from tree import Tree, split

WIDE = "x" * 50 + " " + "y" * 60


class Check(unittest.TestCase):
    def found(self, check, files, **options):
        """What the check finds in a tree of these files: path, line and what is wrong of each."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return [f"{one.path}:{one.line}: {one.what}"
                    for one in check(Tree(root), **options)]

    def assert_found(self, check, files, *expected, **options):
        self.assertEqual(self.found(check, files, **options), list(expected))


class Comments(unittest.TestCase):
    def test_code_and_comments_are_told_apart(self):
        code, comments = split('a("// no"); // yes\nb(\'"\'); /* and\nthis */ c(R"x(/* " )x");\n',
                               "code")
        self.assertEqual([line.split() for line in comments.splitlines()],
                         [["//", "yes"], ["/*", "and"], ["this", "*/"]])
        self.assertIn("// no", code)
        self.assertIn('c(R"x(/* " )x");', code)

    def test_a_shell_variable_is_no_comment(self):
        self.assertEqual(split("echo ${#a} $#  # yes\n", "shell")[1].strip(), "# yes")


class Width(Check):
    def test_wide_lines_of_all_kinds_are_found(self):
        files = {"a.cpp": f"\n// {WIDE}\n", "b.sh": f"# {WIDE}\n", "c.py": f"# {WIDE}\n",
                 "CMakeLists.txt": f"# {WIDE}\n", "d.md": WIDE + "\n", "dev": f"# {WIDE}\n"}
        self.assertEqual(len(self.found(width.check, files)), 6)
        self.assertIn("a.cpp:2: 114 columns", self.found(width.check, files))

    def test_columns_are_characters(self):
        self.assert_found(width.check, {"a.cpp": "// " + "ä" * 97 + "\n"})

    def test_tables_code_blocks_links_and_generated_pages_may_be_wide(self):
        self.assert_found(width.check, {
            "a.md": f"| {WIDE} |\n\n```\n{WIDE}\n```\n\n    {WIDE}\n\n- [{WIDE}](b.md)\n",
            "docs/results/b.md": WIDE, "tests/sim/defects/c.py": WIDE})

    def test_what_cannot_be_broken_may_be_wide(self):
        long = "x" * 110
        self.assert_found(width.check, {"a.cpp": f'f("{long}");\n// https://{long}\n',
                                        "b.sh": f"expect '{WIDE}'\n"})
        self.assertEqual(len(self.found(width.check, {"a.cpp": f'f("{WIDE}");\n'})), 1)

    def test_the_list_allows_and_only_shrinks(self):
        self.assert_found(width.check, {"a.cpp": WIDE, width.LIST: "a.cpp\n"})
        self.assert_found(
            width.check, {"a.cpp": "x", width.LIST: "# head\na.cpp\nb.cpp\n"},
            f"{width.LIST}:2: a.cpp has no wide line any more",
            f"{width.LIST}:3: b.cpp does not exist")

    def test_a_file_with_many_wide_lines_does_not_flood(self):
        self.assertEqual(len(self.found(width.check, {"a.cpp": (WIDE + "\n") * 50})), 4)


class Layers(Check):
    def test_an_include_upwards_is_found(self):
        self.assert_found(
            layers.check, {"host/io/a.cpp": '#include "net/b.hpp"\n', "host/net/b.hpp": "",
                           "host/net/c.cpp": '#include "io/d.hpp"\n', "host/io/d.hpp": ""},
            "host/io/a.cpp:1: host/io must not include host/net (net/b.hpp)", exceptions={})

    def test_the_host_does_not_include_the_client(self):
        self.assert_found(
            layers.check, {"host/program/a.cpp": '#include "../../client/load/b.hpp"\n',
                           "client/load/b.hpp": ""},
            "host/program/a.cpp:1: host/program must not include client/load "
            "(../../client/load/b.hpp)", exceptions={})

    def test_the_sdk_includes_itself_and_c(self):
        self.assert_found(
            layers.check, {"sdk/include/portico/a.h": "#include <stdint.h>\n#include <unistd.h>\n"
                           '#include "portico/b.h"\n', "sdk/include/portico/b.h": ""},
            "sdk/include/portico/a.h:2: sdk includes unistd.h", exceptions={})

    def test_the_wrapper_includes_cpp_as_well(self):
        self.assert_found(
            layers.check, {"sdk/include/portico/a.hpp": "#include <string>\n#include <unistd.h>\n"},
            "sdk/include/portico/a.hpp:2: sdk includes unistd.h", exceptions={})

    def test_system_headers_stay_in_io(self):
        self.assert_found(
            layers.check, {"host/net/a.cpp": "#include <sys/socket.h>\n",
                           "host/io/b.cpp": "#include <sys/socket.h>\n",
                           "host/plugin/library_posix.cpp": "#include <dlfcn.h>\n"},
            "host/net/a.cpp:1: sys/socket.h is a header of one system", exceptions={})

    def test_an_include_in_a_comment_is_none(self):
        self.assert_found(layers.check, {"host/io/a.cpp": '/*\n#include "net/b.hpp"\n*/\n',
                                         "host/net/b.hpp": ""}, exceptions={})

    def test_exceptions_hold_and_must_be_needed(self):
        files = {"host/io/a.cpp": '#include "net/b.hpp"\n', "host/net/b.hpp": ""}
        self.assert_found(layers.check, files,
                          exceptions={("host/io/a.cpp", "net/b.hpp"): "why"})
        self.assert_found(layers.check, {"host/io/a.cpp": ""},
                          "host/io/a.cpp:1: the exception for net/b.hpp is not needed",
                          exceptions={("host/io/a.cpp", "net/b.hpp"): "why"})

    def test_a_new_folder_needs_a_row(self):
        self.assert_found(layers.check, {"host/new/a.cpp": ""},
                          "host/new/a.cpp:1: the folder has no row in the table of layers",
                          exceptions={})


class Unused(Check):
    def test_a_source_that_is_not_built_is_found(self):
        self.assert_found(
            unused.check, {"a/CMakeLists.txt": "add_library(x b.cpp)  # c.cpp\n", "a/b.cpp": "",
                           "a/c.cpp": ""}, "a/c.cpp:1: no CMakeLists.txt builds this file")

    def test_variables_of_cmake_are_followed(self):
        self.assert_found(
            unused.check,
            {"a/CMakeLists.txt": "function(f name)\nadd_library(${name} ${name}.cpp)\n"
             "endfunction()\nf(b)\nforeach(s c d)\nadd_library(x ${s}_test.cpp)\nendforeach()\n"
             "set(t e.c)\nadd_library(y x/${t} ${CMAKE_CURRENT_SOURCE_DIR}/../g.cpp)\n",
             "a/b.cpp": "", "a/c_test.cpp": "", "a/d_test.cpp": "", "a/x/e.c": "", "g.cpp": "",
             "a/e_test.cpp": ""}, "a/e_test.cpp:1: no CMakeLists.txt builds this file")

    def test_a_header_that_nobody_includes_is_found(self):
        self.assert_found(
            unused.check, {"CMakeLists.txt": "add_library(x a.cpp)", "a.cpp": '#include "b.hpp"\n',
                           "b.hpp": "", "c.hpp": '#include "c.hpp"\n'},
            "c.hpp:1: nobody includes this header")

    def test_a_script_that_nobody_calls_is_found(self):
        self.assert_found(
            unused.check, {"dev": 'verb=$1\nsource "tools/$verb.sh"\ncase in build) ;; esac\n'
                           "python3 run.py  # stray.sh\n", "tools/build.sh": "",
                           "tools/other.sh": "", "run.py": "import words\n", "words.py": "",
                           "stray.sh": "stray.sh\n", "a.sh":
                           'run "$1.sh" # tools\nother\n. a.sh a\n', "b.sh": ". a.sh; b.sh\n"},
            "b.sh:1: nobody calls this script",
            "stray.sh:1: nobody calls this script", "tools/other.sh:1: nobody calls this script")


class Names(Check):
    def test_paths_that_do_not_exist_are_found(self):
        self.assert_found(
            names.check_paths,
            {"host/net/strand.hpp": "// See host/net/{strand,old}.hpp, net/strand.hpp, old.hpp,\n"
             "// tests/unit/NAME.cpp, host/net/st*.hpp and https://host/net/x.hpp.\n",
             "docs/a.md": "`host/net/gone.hpp` and host/net.\n",
             "b.sh": "cat host/other/x  # host/other/x\n"},
            "b.sh:1: host/other/x does not exist",
            "docs/a.md:1: host/net/gone.hpp does not exist",
            "host/net/strand.hpp:1: host/net/{strand,old}.hpp does not exist",
            "host/net/strand.hpp:1: old.hpp does not exist")

    def test_decisions_that_do_not_exist_are_found(self):
        self.assert_found(
            names.check_paths, {"docs/decisions/0016-a.md": "", "a.md":
                                "decisions/0016, decision 0017\n"},
            "a.md:1: there is no decision 0017")

    def test_verbs_and_options_that_do_not_exist_are_found(self):
        self.assert_found(
            names.check_verbs, {"dev": "case $verb in\nbuild | test)\n", "tools/test.sh":
                                "--quick)\n", "a.md": "`./dev test --quick`, ./dev test "
                                "--slow, ./dev tset, ./dev VERB\n"},
            "a.md:1: ./dev test has no --slow", "a.md:1: ./dev has no verb tset")

    def test_identifiers_that_do_not_exist_are_found(self):
        self.assert_found(
            names.check_identifiers,
            {"a.cpp": "struct Port { void send(); };\n// See try_send. `sent`, Port::send, "
             "Port::gone, std::gone,\n// `Port`, lost(), send().\n",
             "b.md": "`send` and `send --fast` and `gone`.\n"},
            "a.cpp:2: Port::gone occurs nowhere in the sources",
            "a.cpp:2: try_send occurs nowhere in the sources",
            "a.cpp:2: sent occurs nowhere in the sources",
            "a.cpp:3: lost() occurs nowhere in the sources",
            "b.md:1: gone occurs nowhere in the sources")

    def test_a_function_of_a_far_file_needs_its_class_or_its_file(self):
        self.assert_found(
            names.check_identifiers,
            {"a.hpp": "void make();\n", "b.hpp": "// After make().\n// After Far::make(), make() "
             "of a.hpp.\n", "c.hpp": '#include "a.hpp"\n// After make().\nstruct Far;\n'},
            "b.hpp:1: nothing near this file has a make()")


class Links(Check):
    def test_dead_links_and_anchors_are_found(self):
        self.assert_found(
            links.check,
            {"a.md": "# One `two`, three\n# Same\n# Same\n\n[x](docs/b.md#here) [x](gone.md)\n"
             "[x](#one-two-three) [x](#same-1) [x](#same-2) [x](https://x/y) `[x](no.md)`\n"
             "```\n[x](no.md)\n# In a block\n```\n\n[ref]: docs/c.md\n[x](#in-a-block)\n",
             "docs/b.md": '<a id="here"></a> [up](../a.md) [folder](.) [x](../a.md#none)\n'},
            "a.md:5: the link gone.md leads to no file",
            "a.md:6: a.md has no heading #same-2",
            "a.md:12: the link docs/c.md leads to no file",
            "a.md:13: a.md has no heading #in-a-block",
            "docs/b.md:1: a.md has no heading #none")


class Opening(Check):
    def test_a_file_without_opening_comment_is_found(self):
        self.assert_found(
            opening.check,
            {"host/a.cpp": "#include <b>\n", "host/b.cpp": "// What it is for.\n",
             "host/c.hpp": "#pragma once\n", "tests/d.c": "/* What it is for. */\n",
             "sdk/f.rs": "mod g;\n", "sdk/h.rs": "//! What it is for.\n",
             "other/e.cpp": "int e;\n"},
            "host/a.cpp:1: no opening comment", "host/c.hpp:1: no opening comment",
            "sdk/f.rs:1: no opening comment")

    def test_the_comment_of_the_header_is_enough(self):
        self.assert_found(
            opening.check, {"host/a.hpp": "// For.\n", "host/a.cpp": "int a;\n",
                            "host/a_posix.cpp": "int a;\n", "host/a_other.cpp": "int a;\n"},
            "host/a_other.cpp:1: no opening comment")


class Version(Check):
    PROJECT = {"CMakeLists.txt": "project(portico VERSION 1.2.3 LANGUAGES C)\n",
               "vcpkg.json": '{\n  "version": "1.2.3"\n}\n',
               "CHANGELOG.md": "## [1.2.3] - unreleased\n## [1.2.2] - 2026-01-01\n",
               "sdk/rust/Cargo.toml": '[package]\nversion = "1.2.3"\n'}

    def test_files_that_must_agree_do(self):
        self.assert_found(version.check, self.PROJECT)

    def test_another_version_is_found(self):
        self.assert_found(
            version.check, self.PROJECT | {"vcpkg.json": '{\n  "version": "1.2.2"\n}\n',
                                           "CHANGELOG.md": "# Changelog\n\n## [1.2.4] - today\n",
                                           "sdk/rust/Cargo.toml": 'version = "1.2.5"\n'},
            "CHANGELOG.md:3: the newest version is 1.2.4, not 1.2.3",
            "vcpkg.json:2: the version is 1.2.2, not 1.2.3",
            "sdk/rust/Cargo.toml:1: the version is 1.2.5, not 1.2.3")

    def test_a_further_place_is_found(self):
        self.assert_found(
            version.check, self.PROJECT | {"a.c": 'x = "1.2.3";\n"11.2.3" "1.2.3.4"\n'},
            "a.c:1: the version is written out")


if __name__ == "__main__":
    unittest.main()
