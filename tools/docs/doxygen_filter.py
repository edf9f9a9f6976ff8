#!/usr/bin/env python3
"""Shows Doxygen a header as it wants to see it: comments of declarations become documentation, and
the one at the top becomes the file's. The headers themselves stay as they are. What is indented
within a comment is shown as it stands; the rest is text, in which nothing is a command or a tag.

    doxygen_filter.py HEADER"""

import re
import sys

# A block, with the code before it on its first line; blocks of // have several lines.
C_COMMENT = re.compile(r"/\*(?P<text>.*?)\*/", re.S)
CPP_COMMENT = re.compile(r"(?P<text>(?:^(?P<indent> *)//[^\n]*\n)(?:^(?P=indent)//[^\n]*\n)*)",
                         re.M)
CPP_TRAILING = re.compile(r"(?<=[;,{}]) +// (?P<text>[^\n]*)(?P<more>(?:\n {24,}// [^\n]*)*)")
DEEPEST = 4  # deeper comments are within functions
TAGS = re.compile(r"[\\@<>&#%$]")


def escaped(text):
    return TAGS.sub(lambda found: "\\" + found[0], text).replace("::", "\\::")


def body(lines):
    """The lines of a comment without its marks; indented pieces as they stand."""
    result, is_shown, in_list = [], False, False
    for line in lines:
        in_list = line.startswith("- ") or (in_list and re.match(r"  \S", line) is not None)
        indented = line.startswith("  ") and not in_list
        if is_shown and not indented and line.strip():
            result.append("@endverbatim")
            is_shown = False
        if indented and not is_shown:
            result.append("@verbatim")
            is_shown = True
        result.append(line if is_shown else escaped(line))
    if is_shown:
        result.append("@endverbatim")
    return "\n".join(result)


def c_lines(text):
    first, *others = text.strip("\n").rstrip().split("\n")
    return [first.strip()] + [re.sub(r"^ *\* ?", "", line) for line in others]


def column(text, at):
    return at - (text.rfind("\n", 0, at) + 1)


def of_c(text):
    def replaced(found):
        at = found.start()
        before = text[at - column(text, at):at]
        lines = c_lines(found["text"])
        if at == 0:
            return "/** @file\n" + body(lines) + "\n*/"
        if not before.strip():
            return found[0] if len(before) > DEEPEST else "/** " + body(lines) + " */"
        if re.search(r"[;,{]\s*$|^#define \w+ .*\S\s*$", before) and len(before.lstrip()) > 1:
            return "/**< " + body(lines) + " */"
        return found[0]

    return C_COMMENT.sub(replaced, text)


def of_cpp(text):
    def replaced(found):
        indent = found["indent"]
        lines = [re.sub(r"^ *// ?", "", line) for line in found["text"].rstrip("\n").split("\n")]
        if found.start() == 0:
            return "/** @file\n" + body(lines) + "\n*/\n"
        if len(indent) > DEEPEST:
            return found[0]
        return indent + "/** " + body(lines) + " */\n"

    def trailing(found):
        more = re.sub(r"\n +// ", " ", found["more"])
        return "  /**< " + escaped(found["text"] + more) + " */"

    text = CPP_COMMENT.sub(replaced, text)
    return CPP_TRAILING.sub(trailing, text)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    sys.stdout.write(of_c(text) if text.startswith("/*") and "\n// " not in text else
                     of_cpp(of_c(text)))


if __name__ == "__main__":
    main()
