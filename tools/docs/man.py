#!/usr/bin/env python3
"""Makes a man page: the options and commands come from the program's own help, so that they are
right; the rest is in a template, in the macros of man(7).

    man.py TEMPLATE --bin FOLDER --version VERSION >PAGE

In the template, a line "@help PROGRAM WORD...@" stands for what the program in FOLDER prints for
those words: all that follows its first heading, but for its usage. With ": HEADING" before the
second @ it is one section of that. A page must show each command that its program has."""

import argparse
import os
import re
import subprocess
import sys
import time

HELP = re.compile(r"^@help (?P<words>[^:@]+)(?:: (?P<section>[^@]+))?@$", re.M)
HEADING = re.compile(r"^(?P<title>[A-Z][^:.]{0,40})(?:: .*)?:$")
POSITIONAL = re.compile(r"^  \S+ (?P<name>\S+)(?: REQUIRED)? +(?P<text>\S.*)$")
ITEM = re.compile(r"^  (?P<tag>-\S+(?: \S+)*)(?:  +(?P<text>\S.*))?$")
COLUMN = 26  # where a client's option has its text
LEFT_OUT = ("Usage", "The most common options", "Examples", "Subcommands", "The plain summary")
# As the programs are called in the package.
NAMES = ((re.compile(r"(?<![\w./-])client(?= (?:HOST|compare|127|::1|localhost|10\.|--help))"),
          "portico-client"),
         (re.compile(r"(?<![\w./-])host(?= (?:check|status|drain|log-level|reopen-log|verify|"
                     r"plugins|new-plugin|--))"), "portico"))


def roff(text):
    for pattern, name in NAMES:
        text = pattern.sub(name, text)
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def literal(lines):
    return [".nf"] + [roff(line) for line in lines] + [".fi"]


def tag_of(tag):
    """The option's words in bold, what it takes in roman."""
    return " ".join("\\fB" + roff(word) + "\\fR" if word.startswith("-") else roff(word)
                    for word in tag.split())


def split_item(line):
    """An option, the text beside it and the text's column; None if the line is another one."""
    found = ITEM.match(line)
    if not found:
        return None
    if found["text"] is None and len(line) > COLUMN and line[COLUMN - 1] == " ":
        return line[2:COLUMN - 1], line[COLUMN:], COLUMN
    return found["tag"], found["text"], found.start("text") if found["text"] else None


def item(tag, text, column, others):
    """What is deeper than the text is a list of its own, and shown as it stands."""
    excludes = re.search(r" Excludes: (.*)", tag)
    result = [".TP", tag_of(tag[:excludes.start()] if excludes else tag)]
    if column is None:
        column = len(others[0]) - len(others[0].lstrip()) if others else 0
    body = ([text] if text else []) + [line[column:] for line in others]
    deep = next((number for number, line in enumerate(body) if line.startswith(" ")), len(body))
    result += [roff(line) for line in body[:deep]]
    if deep < len(body):
        result += literal(body[deep:])
    if excludes:
        result += [".br", "Not together with " + tag_of(excludes[1]) + "."]
    return result


def section(lines):
    """Options become items, text becomes paragraphs, and all else is shown as it stands."""
    result, number = [], 0
    while number < len(lines):
        found = split_item(lines[number])
        end = number + 1
        if found:
            while end < len(lines) and lines[end].startswith(" " * 8):
                end += 1
            result += item(*found, lines[number + 1:end])
        elif not lines[number].strip():
            if any(line.strip() for line in lines[end:]):
                result.append(".PP")
        else:
            indented = lines[number].startswith(" ")
            while end < len(lines) and lines[end].strip() and not ITEM.match(lines[end]) \
                    and lines[end].startswith(" ") == indented:
                end += 1
            block = lines[number:end]
            result += literal(block) if indented else [roff(line) for line in block]
        number = end
    return result


def positionals(lines):
    result = []
    for found in filter(None, map(POSITIONAL.match, lines)):
        result += [".TP", "\\fI" + found["name"] + "\\fR", roff(found["text"])]
    return result


def sections(text):
    """The titles and lines of a help text, in order."""
    found = []
    for line in text.splitlines():
        heading = HEADING.match(line)
        if heading:
            found.append((heading["title"], []))
        elif found:
            found[-1][1].append(line)
    return found


def strip(lines):
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


class Programs:
    def __init__(self, folder):
        self.folder = folder

    def help_of(self, words):
        program, *arguments = words.split()
        done = subprocess.run([os.path.join(self.folder, program)] + arguments, text=True,
                              stdout=subprocess.PIPE, check=True)
        return done.stdout

    def page_part(self, found):
        wanted = found["section"]
        result = []
        for title, lines in sections(self.help_of(found["words"])):
            if wanted is None and title in LEFT_OUT or wanted not in (None, title):
                continue
            # What follows the last section without a heading is about exit codes and the like.
            lines = strip([line for line in lines if not line.startswith("Exit codes")])
            if wanted is None and title not in ("Options", "Positionals"):
                result.append(".SS " + roff(title))
            result += positionals(lines) if title == "Positionals" else section(lines)
        if not result:
            sys.exit(f"the help of {found['words']} has no section {wanted or ''}")
        return "\n".join(result)


def commands_of(text):
    """The commands in the help of the program."""
    for title, lines in sections(text):
        if title == "Subcommands":
            return [line.split()[0] for line in lines if re.match(r"  \S", line)]
    return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("template")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--version", required=True)
    options = parser.parse_args()
    programs = Programs(options.bin)
    with open(options.template, encoding="utf-8") as file:
        template = file.read().replace("@VERSION@", options.version)
    template = template.replace("@DATE@", time.strftime("%Y-%m-%d", time.gmtime(
        int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))))
    for command in commands_of(programs.help_of("host --help")):
        if "@help host" in template and f"@help host {command} " not in template:
            sys.exit(f"{options.template} does not show the command {command}")
    print(HELP.sub(programs.page_part, template), end="")


if __name__ == "__main__":
    main()
