"""Links between Markdown files lead to files, and to headings, that exist."""

import os
import re

from tree import Finding, numbered, without_code_blocks

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)")
IN_HTML = re.compile(r"""(?:href|src)\s*=\s*["']([^"']+)["']""")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")
HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
NAMED = re.compile(r"""<\w+[^>]*\b(?:id|name)\s*=\s*["']([^"']+)["']""")


def anchor_of(heading):
    """The name that GitHub makes of a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"<[^>]+>|[`*]", "", text)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def anchors(tree, path):
    found, counts = set(), {}
    for line in without_code_blocks(tree.text(path)).splitlines():
        heading = HEADING.match(line)
        if heading:
            name = anchor_of(heading[1])
            count = counts.get(name, 0)
            counts[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
        found.update(NAMED.findall(line))
    return found


def links(text):
    """The targets with their lines, without what stands in code."""
    for number, line in numbered(without_code_blocks(text)):
        line = re.sub(r"`[^`]*`", "``", line)
        definition = DEFINITION.match(line)
        targets = LINK.findall(line) + IN_HTML.findall(line)
        if definition:
            targets.append(definition[1])
        for target in targets:
            if not ELSEWHERE.match(target):
                yield number, target


def check(tree):
    for path in tree.ending(".md"):
        for number, target in links(tree.text(path)):
            file, _, anchor = target.partition("#")
            to = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if to != "." and not tree.has(to):
                yield Finding(path, number, f"the link {target} leads to no file",
                              "correct the path, which counts from this file's folder")
            elif anchor and to.endswith(".md") and anchor not in anchors(tree, to):
                yield Finding(path, number, f"{to} has no heading #{anchor}",
                              "take the heading's present name")
