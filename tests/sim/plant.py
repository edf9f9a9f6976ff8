#!/usr/bin/env python3
"""Builds a program with a planted defect, beside a clean build that stays as it is.

    plant.py --build DIRECTORY --source DIRECTORY --planted DIRECTORY --target NAME --output FILE

The clean build (Ninja, with compile_commands.json) was made from `source`. `planted` holds the
patched files, at the same paths as in `source`. Only what depends on them is compiled again; the
new objects take the place of the old ones when the target is linked. So several defects can be
planted at a time.

Sources with the same options are compiled as one, because most of the time goes into the headers
that they share: so names that are local to one source must differ from those of the others.
"""
import argparse
import collections
import json
import pathlib
import shlex
import subprocess
import sys


def ninja(build, *words):
    return subprocess.run(["ninja", "-C", build, "-t", *words], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.splitlines()


def dependencies(build):
    """The files that each object was made from."""
    found, current = {}, set()
    for line in ninja(build, "deps"):
        if line.startswith(" "):
            current.add((build / line.strip()).resolve())
        elif line:
            current = found.setdefault(line.partition(":")[0], set())
    return found


def options_of(entry):
    """The words of a compile command without its source and its object; and the object."""
    words = shlex.split(entry["command"])
    at = words.index("-o")
    name = words[at + 1]
    del words[at:at + 2]
    words.remove("-c")
    words.remove(entry["file"])
    return tuple(words), name


def compile_again(options, files, build, source, planted, new):
    lines = []
    for file in files:
        patched = planted / file.relative_to(source)
        lines.append(f'#include "{patched if patched.exists() else file}"\n')
    one = new.with_suffix(".cpp")
    one.write_text("".join(lines), encoding="utf-8")
    # The folders of headers, before those of the clean sources.
    words = list(options)
    folders = [planted / pathlib.Path(word[2:]).relative_to(source) for word in words
               if word.startswith("-I") and pathlib.Path(word[2:]).is_relative_to(source)]
    first = next(i for i, word in enumerate(words) if word.startswith("-"))
    words[first:first] = [f"-I{folder}" for folder in folders if folder.exists()]
    # (Compiling takes longer than the search.)
    subprocess.run([*words, "-O0", "-o", str(new), "-c", str(one)], cwd=build, check=True)
    one.unlink()


def link_again(build, target, objects, output):
    command = ninja(build, "commands", target)[-1]
    words = shlex.split(command.removeprefix(": && ").removesuffix(" && :"))
    words = [word for word in words if word not in objects]
    at = words.index("-o") + 1
    words[at] = str(output)
    # Before the libraries: the linker takes the first.
    words[at + 1:at + 1] = dict.fromkeys(map(str, objects.values()))
    subprocess.run(words, cwd=build, check=True)


def main():
    parser = argparse.ArgumentParser()
    for name in ("build", "source", "planted", "output"):
        parser.add_argument(f"--{name}", type=lambda path: pathlib.Path(path).resolve(),
                            required=True)
    parser.add_argument("--target", required=True)
    options = parser.parse_args()
    build, source, planted = options.build, options.source, options.planted

    patched = {source / path.relative_to(planted) for path in planted.rglob("*") if path.is_file()}
    of_target = set(ninja(build, "inputs", options.target))
    made_from = dependencies(build)
    entries = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    alike = collections.defaultdict(dict)  # by their options: the source of each object
    for entry in entries:
        words, name = options_of(entry)
        if name in of_target and patched & made_from.get(name, set()):
            alike[words][name] = pathlib.Path(entry["file"])
    if not alike:
        sys.exit(f"nothing of {options.target} depends on the patched files")
    objects = {}
    for number, (words, files) in enumerate(alike.items()):
        new = options.output.with_name(f"{options.output.name}.{number}.o")
        compile_again(words, files.values(), build, source, planted, new)
        objects |= dict.fromkeys(files, new)
    link_again(build, options.target, objects, options.output)
    for new in set(objects.values()):
        new.unlink()


if __name__ == "__main__":
    main()
