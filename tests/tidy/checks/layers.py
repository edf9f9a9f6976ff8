"""Includes follow the layers: each folder may use those that its row names, and itself."""

import os
import re

from tree import CODE, Finding, numbered

HOST_BELOW_NET = ["host/base", "host/io", "host/config"]
HOST_BELOW_SERVER = HOST_BELOW_NET + ["host/net", "host/plugin"]
# folder, the folders that it may include, why it is so
LAYERS = [
    ("host/base", [], "stands alone"),
    ("host/io", ["host/base"], "the operating system, and nothing of the server"),
    ("host/io/epoll", ["host/base", "host/io"], "a backend knows no other backend"),
    ("host/io/iocp", ["host/base", "host/io"], "a backend knows no other backend"),
    ("host/io/uring", ["host/base", "host/io"], "a backend knows no other backend"),
    ("host/sim", ["host/base", "host/io"], "a simulated system in the place of io's"),
    ("host/config", ["host/base", "host/io"],
     "plain data for all above io; io parses its addresses"),
    ("host/net", HOST_BELOW_NET, "limits and framing come as the configuration's plain data"),
    ("host/plugin", HOST_BELOW_NET + ["host/net", "sdk"], "the only one that knows the ABI"),
    ("host/log", HOST_BELOW_NET, "writes lines to where the configuration says; for server alone"),
    ("host/include", ["sdk"], "the embedding API: no header of the host's inside"),
    ("host/embed", ["host/include", "sdk"], "an embedder like any other, with a C API"),
    ("host/admin", HOST_BELOW_NET + ["host/include", "sdk"],
     "an embedder and a plugin in one; it asks the server through an interface of its own"),
    ("host/server", HOST_BELOW_SERVER + ["host/admin", "host/log", "host/include"],
     "puts the layers together"),
    ("host/verify", HOST_BELOW_SERVER + ["host/sim", "sdk"],
     "runs plugins in a simulated world; for the program and the test kit"),
    ("host/project", ["host/base"], "writes the projects of new plugins; for the program"),
    ("host/program", ["host/base", "host/include", "host/config", "host/admin", "host/verify",
                      "host/project"],
     "an embedder like any other, with the commands that make plugins and look at them, and those "
     "that ask a host that runs"),
    ("client/messages", ["host/base"], "what is sent and expected"),
    ("client/measure", ["host/base", "client/messages"], "counts what messages led to"),
    ("client/load", ["host/base", "host/io", "client/messages", "client/measure"],
     "connections on the host's completion ports"),
    ("client/report", ["host/base", "client/messages", "client/measure", "client/load"],
     "says what a run has measured"),
    ("client/cli", ["host/base", "host/io", "client/messages", "client/measure", "client/load",
                    "client/report"], "options and the run; io for the addresses among them"),
    ("sdk", [], "a contract with strangers: itself and the standard headers"),
    ("sdk/templates", ["sdk"], "made as a stranger makes one"),
    ("plugins", ["sdk"], "made as a stranger makes one"),
    ("examples", ["sdk", "host/include"], "made as a stranger makes one"),
    ("bench/servers", ["sdk"], "servers to compare with share nothing with the host"),
    ("bench/suite", ["bench/servers"], "clients that ask the servers for their work"),
    ("bench/micro", HOST_BELOW_SERVER + ["host/log"], "measures the host's own classes"),
]
# An include against the rows above: (file, include): why.
EXCEPTIONS = {
    ("host/io/port_choice.cpp", "io/epoll/port.hpp"): "chooses the backend",
    ("host/io/port_choice.cpp", "io/iocp/port.hpp"): "chooses the backend",
    ("host/io/port_choice.cpp", "io/uring/port.hpp"): "chooses the backend",
}
# Headers of a system stay in host/io and here.
SYSTEM_HEADERS_ALLOWED = re.compile(
    r"host/(io/|base/|sim/(baton_|poison)|plugin/library_|program/(console|crash_report)_"
    r"|verify/\w+_(posix|windows)\.cpp)|client/\w+/\w+_(posix|windows)\.cpp"
    r"|plugins/common/thread")
SYSTEM_HEADERS_CHECKED = ("host/", "client/", "plugins/")
C_HEADERS = {
    "assert.h", "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "inttypes.h", "iso646.h",
    "limits.h", "locale.h", "math.h", "setjmp.h", "signal.h", "stdalign.h", "stdarg.h",
    "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h",
    "string.h", "tgmath.h", "threads.h", "time.h", "uchar.h", "wchar.h", "wctype.h"}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
ROOTS = ("host", "client", "host/include", "sdk/include", "plugins", "bench", "tests", "")


def includes(tree, path):
    """Line, text and, where it is the project's own, path of each include."""
    code = tree.code_and_comments(path)[0]
    for number, line in numbered(code):
        found = INCLUDE.match(line)
        if found:
            yield number, found[2], resolve(tree, path, found[2])


def resolve(tree, path, include):
    for root in (os.path.dirname(path), *ROOTS):
        candidate = os.path.normpath(os.path.join(root, include))
        if candidate in tree.names:
            return candidate
    return None


def layer_of(path):
    """The row of the folder, the deepest one that fits."""
    rows = [row for row in LAYERS if path.startswith(row[0] + "/")]
    return max(rows, key=lambda row: len(row[0])) if rows else None


def check(tree, exceptions=None):
    exceptions = EXCEPTIONS if exceptions is None else exceptions
    used = set()
    for path in tree.ending(*CODE):
        if path.startswith("tests/"):
            continue
        row = layer_of(path)
        if row is None:
            yield Finding(path, 1, "the folder has no row in the table of layers",
                          "add it to LAYERS in tests/tidy/checks/layers.py")
            continue
        for number, include, to in includes(tree, path):
            if to is None:
                yield from foreign(path, number, include)
                continue
            target = layer_of(to)
            name = target[0] if target else os.path.dirname(to)
            if name == row[0] or name in row[1]:
                continue
            if (path, include) in exceptions:
                used.add((path, include))
                continue
            yield Finding(path, number, f"{row[0]} must not include {name} ({include})",
                          "move what is needed to a lower layer, or turn the call around")
    for path, include in exceptions:
        if (path, include) not in used and path in tree.names:
            yield Finding(path, 1, f"the exception for {include} is not needed",
                          "remove it from EXCEPTIONS in tests/tidy/checks/layers.py")


def foreign(path, number, include):
    """Headers that are not the project's."""
    is_cpp = path.endswith(".hpp") and "." not in include and "/" not in include
    if path.startswith("sdk/include/") and include not in C_HEADERS and not is_cpp:
        yield Finding(path, number, f"sdk includes {include}",
                      "only the SDK's own headers and those of C (the wrapper: of C++) may be used "
                      "here")
    elif (path.startswith(SYSTEM_HEADERS_CHECKED) and include.endswith(".h")
          and include not in C_HEADERS and not SYSTEM_HEADERS_ALLOWED.match(path)):
        yield Finding(path, number, f"{include} is a header of one system",
                      "ask host/io for it, or make a file for each system")
