#!/usr/bin/env python3
"""Builds a program with a planted defect, beside a clean build that stays as it is.

    plant.py --build DIRECTORY --source DIRECTORY --planted DIRECTORY --target NAME --output FILE

The clean build (Ninja, with compile_commands.json) was made from `source`. `planted` holds the
patched files, at the same paths as in `source`. Only what depends on them is compiled again; the
new objects take the place of the old ones when the target is linked. So several defects can be
planted at a time.
"""
import argparse
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


def compile_again(words, file, build, source, planted, new):
    patched = planted / file.relative_to(source)
    words[words.index("-o") + 1] = str(new)
    if patched.exists():
        words[words.index(str(file))] = str(patched)
    # The folders of headers, before those of the clean sources.
    folders = [planted / pathlib.Path(word[2:]).relative_to(source) for word in words
               if word.startswith("-I") and pathlib.Path(word[2:]).is_relative_to(source)]
    first = next(i for i, word in enumerate(words) if word.startswith("-"))
    words[first:first] = [f"-I{folder}" for folder in folders if folder.exists()]
    subprocess.run([*words, "-O0"], cwd=build, check=True)  # compiling takes longer than the search


def link_again(build, target, objects, output):
    command = ninja(build, "commands", target)[-1]
    words = shlex.split(command.removeprefix(": && ").removesuffix(" && :"))
    at = words.index("-o") + 1
    words[at] = str(output)
    added = [new for old, new in objects.items() if old not in words]  # they are in a library
    words = [str(objects.get(word, word)) for word in words]
    words[at + 1:at + 1] = map(str, added)  # before the libraries: the linker takes the first
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
    objects = {}
    for entry in entries:
        words = shlex.split(entry["command"])
        name = words[words.index("-o") + 1]
        if name in of_target and patched & made_from.get(name, set()):
            new = options.output.with_name(f"{options.output.name}.{len(objects)}.o")
            compile_again(words, pathlib.Path(entry["file"]), build, source, planted, new)
            objects[name] = new
    if not objects:
        sys.exit(f"nothing of {options.target} depends on the patched files")
    link_again(build, options.target, objects, options.output)
    for new in objects.values():
        new.unlink()


if __name__ == "__main__":
    main()
