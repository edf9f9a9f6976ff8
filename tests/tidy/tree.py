"""The files of the project as the checks see them, and what is common to several checks."""

import os
import re
import subprocess
from dataclasses import dataclass

CODE = (".c", ".h", ".cpp", ".hpp")
NOT_SOURCES = ("build/", "dist/", "tests/fuzz/corpus/")


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    what: str
    todo: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}: {self.todo}"


class Tree:
    """The files below a folder, by their path from it. Texts are read once."""

    def __init__(self, root):
        self.root = root
        self.all_files = sorted(list_files(root))
        self.files = [path for path in self.all_files if not path.startswith(NOT_SOURCES)]
        self.names = set(self.files)
        self.folders = {folder for path in self.all_files for folder in parents(path)}
        self._texts = {}
        self._split = {}

    def text(self, path):
        if path not in self._texts:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def lines(self, path):
        return self.text(path).splitlines()

    def ending(self, *endings):
        return [path for path in self.files if path.endswith(endings)]

    def has(self, path):
        return path in self.names or path.rstrip("/") in self.folders

    def code_and_comments(self, path):
        """Two texts with the lines of the file: what is not comment, and the comments alone."""
        if path not in self._split:
            self._split[path] = split(self.text(path), kind_of(path))
        return self._split[path]


def list_files(root):
    """What git has or would add; without git all that lies in the folder and is not hidden."""
    if os.path.exists(os.path.join(root, ".git")):
        try:
            listed = subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=root, capture_output=True, text=True, check=True).stdout
            return [path for path in listed.split("\0")
                    if path and os.path.isfile(os.path.join(root, path))]
        except (OSError, subprocess.CalledProcessError):
            pass
    found, skipped = [], [os.path.join(root, name) for name in ("build/", "dist/")]
    for folder, inner, files in os.walk(root):
        inner[:] = [name for name in inner
                    if name == ".ci" or not name.startswith((".", "__"))
                    and os.path.join(folder, name) + "/" not in skipped]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return [path for path in found if not path.endswith(".pyc")]


def parents(path):
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def kind_of(path):
    name = os.path.basename(path)
    if path.endswith(CODE):
        return "code"
    if path.endswith(".rs"):
        return "rust"
    if path.endswith(".py"):
        return "python"
    if path.endswith(".sh") or path in ("dev", ".ci/run"):
        return "shell"
    if path.endswith(".cmake") or name == "CMakeLists.txt":
        return "cmake"
    if path.endswith(".md"):
        return "markdown"
    return "other"


# A piece of text that is no comment though it may look like one, or else a comment.
PIECES = {
    "code": re.compile(r'R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"'
                       r"|'(?:\\.|[^'\\\n])'|(?P<comment>//[^\n]*|/\*.*?\*/)", re.S),
    "rust": re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\\n])\''
                       r"|(?P<comment>//[^\n]*|/\*.*?\*/)", re.S),
    "python": re.compile(r'(?P<comment>"""(?:\\.|.)*?""")|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"'
                         r"|'(?:\\.|[^'\\\n])*'|(?P<comment2>#[^\n]*)", re.S),
    "shell": re.compile(r"(?P<comment>(?:^|(?<=[ \t;]))#[^\n]*)", re.M),
    "cmake": re.compile(r'"(?:\\.|[^"\\])*"|(?P<comment>#[^\n]*)', re.S),
}


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def split(text, kind):
    pattern = PIECES.get(kind)
    if pattern is None:
        return text, blank(text)
    code, comments, at = [], [], 0
    for piece in pattern.finditer(text):
        if not any(name.startswith("comment") and value
                   for name, value in piece.groupdict().items()):
            continue
        between = text[at:piece.start()]
        code += [between, blank(piece[0])]
        comments += [blank(between), piece[0]]
        at = piece.end()
    return "".join(code) + text[at:], "".join(comments) + blank(text[at:])


def numbered(text):
    return enumerate(text.splitlines(), 1)


def without_code_blocks(text):
    """Markdown with its code blocks left blank, fenced and indented ones."""
    lines, fence, in_list, after_blank, indented = [], None, False, True, False
    for line in text.splitlines():
        stripped = line.strip()
        if fence:
            if stripped.startswith(fence):
                fence = None
            lines.append("")
            continue
        opening = re.match(r"\s*(```+|~~~+)", line)
        if opening:
            fence = opening[1]
            lines.append("")
            continue
        if not stripped:
            lines.append(line)
            after_blank = True
            continue
        if re.match(r"\s{0,3}([-*+]|\d+\.)\s", line):
            in_list = True
        elif not line.startswith(" "):
            in_list = False
        indented = line.startswith("    ") and not in_list and (after_blank or indented)
        lines.append("" if indented else line)
        after_blank = False
    return "\n".join(lines)
