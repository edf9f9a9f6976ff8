"""Paths, commands and identifiers that comments and documents name exist."""

import fnmatch
import os
import re

from checks.layers import includes
from tree import Finding, kind_of, numbered

# Generated, or about the past.
NOT_CHECKED = ("docs/results/", "tests/sim/defects/", "tests/tidy/wide_files.txt", "CHANGELOG.md")

# ---- paths

TOPS = r"host|client|sdk|plugins|bench|tests|docs|cmake|config|examples|tools|\.ci"
# A path from the top or from somewhere within, or the name of a source file alone.
PATH = re.compile(
    rf"(?<![\w./$~{{}}<>=:\\-])(?:(?:\./)?(?:{TOPS})/[\w./*{{}},-]*[\w*}}/]"
    r"|(?:[\w-]+/)*[\w*-]+\.(?:hpp|cpp|h|c|cmake|md|sh|py|patch))(?![\w/$(<{-])")
URL = re.compile(r"\w+://\S+")
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")  # tests/fuzz/NAME.cpp
DECISION = re.compile(r"\bdecisions?[/ ](\d{4})\b")
PATH_EXCEPTIONS = {
    "build/CPackConfig.cmake": "a file that CMake makes",
    "hello.c": "a file that the reader makes",
    "io_uring/poll.c": "of the Linux kernel",
    "linux/tcp.h": "of the Linux kernel",
    "plugins/echo.dll": "in the folder that Windows users unpack",
    "plugins/counter.so": "a file that the reader makes",
    "plugins/crashes.so": "an example of a plugin that crashes",
    "plugins/shout.so": "a file that the reader makes",
    "ws2ipdef.h": "of the Windows SDK",
}

# ---- ./dev

VERB = re.compile(r"(?<![\w.])\./dev ([a-z][a-z-]*)((?:[ |]+(?:--[a-z-]+|[A-Z]+\b|\[|\]))*)")

# ---- identifiers

CALLED = re.compile(r"(?<![\w:.~])((?:\w+(?:::|\.|->))*~?[A-Za-z_]\w*)\(\)")
IN_BACKTICKS = re.compile(r"`([^`\n]+)`")
IDENTIFIER = re.compile(r"(?:\w+(?:::|\.|->))*~?[A-Za-z_]\w*(?:\(\))?")
QUALIFIED = re.compile(r"(?<![\w:/.])([A-Za-z_]\w*(?:::~?\w+)+)")
SEE = re.compile(r"\b[Ss]ee (?:also )?((?:\w+::)*[a-z]+(?:_[a-z0-9]+)+)(?![\w/(]|\.\w|::)")
PARTS = re.compile(r"::|\.|->")
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
CALL = re.compile(r"(\w+)\s*(?:<[^<>;]*>)?\(")
SYSTEM = re.compile(r"_(posix|linux|windows)$")
NAME_EXCEPTIONS = {
    "ConnectEx": "of Windows",
    "DEFER_TASKRUN": "of io_uring: IORING_SETUP_DEFER_TASKRUN",
    "EPOLLEXCLUSIVE": "of Linux; not used, which a decision explains",
    "IO_POLL_UNMASK": "of the Linux kernel",
    "LoadLibrary": "of Windows",
    "MSG_RING": "of io_uring; not used, which a decision explains",
    "SEND_ZC": "of io_uring; not used, which a decision explains",
    "svc.conf": "of ACE",
    "to_uppercase": "of Rust's standard library",
    "SINGLE_ISSUER": "of io_uring: IORING_SETUP_SINGLE_ISSUER",
    "SQPOLL": "of io_uring; not used, which a decision explains",
    "__fastfail": "of Windows",
    "TcpMaxDataRetransmissions": "a setting of Windows",
    "exit": "of the C library",
    "io_uring_enable_rings": "of liburing; not used, which a comment explains",
    "longjmp": "of the C library",
    "main": "of every program",
    "net.ipv4.tcp_retries2": "a setting of Linux",
    "ptrace": "of Linux; not used, which a decision explains",
    "timer_create": "of POSIX; not used, which a decision explains",
}
NAME_TODO = "take its present name, or say without it what is meant"


def checked_texts(tree):
    """The comments of each file, or the whole of a document."""
    for path in tree.files:
        if kind_of(path) == "other" or path.startswith(NOT_CHECKED):
            continue
        if kind_of(path) == "markdown":
            yield path, tree.text(path)
        else:
            yield path, tree.code_and_comments(path)[1]


# ---- paths


def path_exists(tree, named):
    """As a path or the end of one; with * and {a,b}; net/strand stands for its files."""
    named = named.removeprefix("./").rstrip("/.,")
    choice = re.search(r"\{([^{}]*)\}", named)
    if choice:
        return all(path_exists(tree, named[:choice.start()] + one + named[choice.end():])
                   for one in choice[1].split(","))
    if tree.has(named):
        return True
    if "*" not in named:
        ends = ("/" + named, "/" + named + ".")
        return any(("/" + path).endswith(ends[0]) or ends[1] in "/" + path
                   for path in tree.all_files) or \
            any(folder.endswith(ends[0]) for folder in tree.folders)
    return any(fnmatch.fnmatch(path, pattern) for pattern in (named, "*/" + named)
               for path in tree.all_files)


def check_paths(tree):
    for path, text in checked_texts(tree):
        for number, line in numbered(text):
            line = URL.sub("", line)
            for found in PATH.finditer(line):
                named = found[0]
                if not PLACEHOLDER.search(os.path.basename(named)) \
                        and named not in PATH_EXCEPTIONS and not path_exists(tree, named):
                    yield Finding(path, number, f"{named} does not exist",
                                  "name the file that is meant")
            for decision in DECISION.findall(line):
                if not any(name.startswith(f"docs/decisions/{decision}-") for name in tree.files):
                    yield Finding(path, number, f"there is no decision {decision}",
                                  "take the number of a page in docs/decisions")


# ---- ./dev


def verbs(tree):
    found = set()
    if "dev" in tree.names:
        for names in re.findall(r"^\s*([a-z|\s-]+)\)", tree.text("dev").replace("\\\n", " "), re.M):
            found.update(name.strip() for name in names.split("|"))
    return found


def check_verbs(tree):
    known = verbs(tree)
    scripts = "".join(tree.text(path) for path in tree.files
                      if kind_of(path) in ("shell", "python", "code") and path != "dev")
    for path, text in checked_texts(tree):
        for number, line in numbered(text):
            for verb, rest in VERB.findall(line):
                if verb not in known:
                    yield Finding(path, number, f"./dev has no verb {verb}", "see ./dev help")
                    continue
                for option in re.findall(r"--[a-z-]+", rest):
                    if not re.search(rf"(?<![\w-]){option}(?![\w-])", scripts):
                        yield Finding(path, number, f"./dev {verb} has no {option}",
                                      "see ./dev help")


# ---- identifiers


class Sources:
    """The words of the sources: all, those in C and C++, and the calls and functions in each of
    these files. The words of this test itself do not count."""

    def __init__(self, tree):
        self.everywhere, self.in_code, self.calls = set(), set(), {}
        self.including, self.included, self.same_stem = {}, {}, {}
        for path in tree.files:
            if kind_of(path) == "markdown" \
                    or path.startswith(("tests/tidy/", "tests/sim/defects/")):
                continue
            code = tree.code_and_comments(path)[0]
            words = set(re.findall(r"\w+", code))
            self.everywhere |= words
            if kind_of(path) == "code":
                self.in_code |= words
                self.calls[path] = set(CALL.findall(STRING.sub('""', code)))
                self.same_stem.setdefault(stem_of(path), []).append(path)
                self.included[path] = {to for _, _, to in includes(tree, path) if to}
                for to in self.included[path]:
                    self.including.setdefault(to, set()).add(path)

    def calls_near(self, path):
        """Those in the file, in its header or source, in what these include, and in who includes
        them."""
        near = set(self.same_stem[stem_of(path)])
        for own in list(near):
            near |= self.included[own] | self.including.get(own, set())
        return set().union(*(self.calls.get(one, set()) for one in near))


def stem_of(path):
    return SYSTEM.sub("", os.path.splitext(path)[0])


def parts(name):
    return [part.lstrip("~") for part in PARTS.split(name.replace("()", ""))]


def unknown(name, words):
    if name in NAME_EXCEPTIONS or name.startswith("std::"):
        return False
    return any(part not in words and part not in NAME_EXCEPTIONS for part in parts(name))


def check_identifiers(tree):
    sources = Sources(tree)
    for path, text in checked_texts(tree):
        kind = kind_of(path)
        words = sources.in_code if kind == "code" else sources.everywhere
        near = sources.calls_near(path) if path in sources.calls else None
        for number, line in numbered(text):
            line = URL.sub("", line)
            named = QUALIFIED.findall(line) + SEE.findall(line)
            if kind != "python":
                named += [code for code in IN_BACKTICKS.findall(line)
                          if IDENTIFIER.fullmatch(code) and not PATH.fullmatch(code)]
            for called in CALLED.findall(line):
                named.append(called + "()")
            found = set()
            for name in named:
                if name not in found and unknown(name, words):
                    found.add(name)
                    yield Finding(path, number, f"{name} occurs nowhere in the sources", NAME_TODO)
            for called in CALLED.findall(line):
                if near is None or PARTS.search(called) or called + "()" in found:
                    continue
                if called not in near and called not in NAME_EXCEPTIONS \
                        and not names_its_file(tree, sources, line, called):
                    yield Finding(path, number, f"nothing near this file has a {called}()",
                                  "take its present name, or name its class or its file as well")


def names_its_file(tree, sources, line, called):
    """The line says in which file the function is."""
    return any(("/" + path).endswith("/" + named) and called in sources.calls.get(path, ())
               for named in PATH.findall(line) for path in tree.files)


def check(tree):
    yield from check_paths(tree)
    yield from check_verbs(tree)
    yield from check_identifiers(tree)
