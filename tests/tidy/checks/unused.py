"""Source files that nobody builds or includes, and scripts that nobody calls."""

import fnmatch
import os
import re

from checks.layers import includes
from tree import CODE, Finding, kind_of

# In use though nothing in the project names them: why.
EXCEPTIONS = {
    "dev": "the project's one command",
    ".ci/run": "what CI runs",
}
CALL = re.compile(r"(?:function|macro)\s*\(\s*(\w+)((?:\s+\w+)*)\s*\)")
LOOP = re.compile(r"foreach\s*\(\s*(\w+)\s+(?:IN\s+ITEMS\s+)?([^)$]*)\)")
SET = re.compile(r"\bset\s*\(\s*(\w+)\s+([\w./-]+)\s*\)")
SOURCE_TOKEN = re.compile(r"[\w./${}-]+\.(?:cpp|c|hpp|h)\b|[\w./-]*\$\{\w+\}(?![\w./$])")
VARIABLE = re.compile(r"\$\{(\w+)\}")
SCRIPT_PATTERN = re.compile(r"[\w./-]*\$\{?\w+\}?[\w-]*\.(?:sh|py|cmake)\b")


def values_of_variables(text):
    """What a CMake file's loops and the calls of its functions put into their variables."""
    values = {}
    for name, items in LOOP.findall(text):
        values.setdefault(name, []).extend(items.split())
    for name, value in SET.findall(text):
        values.setdefault(name, []).append(value)
    for function, parameters in CALL.findall(text):
        calls = re.findall(rf"(?<![\w(])(?<!function\(){function}\s*\(([^)]*)\)", text)
        for place, parameter in enumerate(parameters.split()):
            values.setdefault(parameter, []).extend(
                words[place] for words in (call.split() for call in calls) if len(words) > place)
    # A value that is made of variables may be made of this one: it stands for anything.
    return {name: ["*" if "$" in item else item for item in items]
            for name, items in values.items()}


def expand(token, values):
    """The token with each value of its variables; an unknown one stands for anything."""
    found = VARIABLE.search(token)
    if not found:
        return [token]
    return [result for value in values.get(found[1], ["*"])
            for result in expand(token[:found.start()] + value + token[found.end():], values)]


def built_files(tree):
    """What the CMake files name, as paths or patterns."""
    built = set()
    for path in tree.files:
        if kind_of(path) != "cmake":
            continue
        folder = os.path.dirname(path)
        text = tree.code_and_comments(path)[0]
        values = values_of_variables(text)
        values.update({"CMAKE_CURRENT_SOURCE_DIR": ["@HERE"], "PROJECT_SOURCE_DIR": ["@TOP"],
                       "CMAKE_SOURCE_DIR": ["@TOP"]})
        for token in SOURCE_TOKEN.findall(text):
            for name in expand(token, values):
                if not name.endswith(CODE):
                    continue
                name = name.replace("@HERE/", "")
                base = "" if name.startswith("@TOP/") else folder
                built.add(os.path.normpath(os.path.join(base, name.replace("@TOP/", ""))))
    return built


def unused_sources(tree):
    built = built_files(tree)
    patterns = [name for name in built if "*" in name]
    included = {to for path in tree.ending(*CODE) for _, _, to in includes(tree, path)
                if to and to != path}
    for path in tree.ending(*CODE):
        if path in built or path in included or path in EXCEPTIONS:
            continue
        if any(fnmatch.fnmatch(path, pattern) for pattern in patterns):
            continue
        if path.endswith((".h", ".hpp")):
            yield Finding(path, 1, "nobody includes this header", "include it or delete it")
        else:
            yield Finding(path, 1, "no CMakeLists.txt builds this file",
                          "add it to a target or delete it")


def is_script(path):
    return kind_of(path) in ("shell", "python") or path.endswith(".cmake")


def matches(path, pattern):
    """The pattern's * stand for names within the same folder."""
    return os.path.dirname(path) == os.path.dirname(pattern) and fnmatch.fnmatch(path, pattern)


def is_called(tree, script):
    """Some other file names it, or makes its name of a word that it has, or imports it."""
    name = os.path.basename(script)
    stem = name.rsplit(".", 1)[0]
    by_name = re.compile(rf"(?<![\w-]){re.escape(name)}\b")
    word = re.compile(rf"(?<![\w-]){re.escape(stem)}(?![\w-])")
    imported = re.compile(rf"^\s*(?:from\s+[\w.]*\b{stem}\s+import|from\s+\S+\s+import\s[^\n]*"
                          rf"\b{stem}\b|import\s[^\n]*\b{stem}\b)", re.M)
    tests = name.startswith("test_")
    for path in tree.files:
        if path == script or kind_of(path) == "code" or path.startswith("tests/sim/defects/"):
            continue
        text = tree.code_and_comments(path)[0]
        if by_name.search(text):
            return True
        if kind_of(script) == "python" and kind_of(path) == "python" and imported.search(text):
            return True
        if tests and "unittest discover" in " ".join(text.split()):
            return True
        if script.endswith(".cmake") and kind_of(path) in ("cmake", "other"):
            find = stem[4:] if stem.startswith("Find") else stem
            if re.search(rf"\b(?:include|find_package)\s*\(\s*{re.escape(find)}\b", text):
                return True
        if stem not in text or not word.search(text):
            continue
        folder = os.path.dirname(path)
        for pattern in SCRIPT_PATTERN.findall(text):
            pattern = re.sub(r"\$\{?\w+\}?", "*", pattern)
            near = os.path.normpath(os.path.join(folder, pattern))
            if matches(script, pattern) or matches(script, near):
                return True
    return False


def uncalled_scripts(tree):
    for path in tree.files:
        if not is_script(path) or path.endswith("/__init__.py") or path in EXCEPTIONS:
            continue
        if not is_called(tree, path):
            yield Finding(path, 1, "nobody calls this script", "call it, say in the documentation "
                          "when to run it, or delete it")


def check(tree):
    yield from unused_sources(tree)
    yield from uncalled_scripts(tree)
