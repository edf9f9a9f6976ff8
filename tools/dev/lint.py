#!/usr/bin/env python3
"""What other compilers and clang-tidy say of the sources, without building anything with them.

Clang parses what GCC builds, with the options of the GCC build and more warnings: the Linux files
as they are, the Windows files with MinGW's headers, and the SDK's headers with MSVC's options
(clang-cl). clang-tidy looks at host and client with the checks of .clang-tidy. Any warning fails.

    tools/dev/lint.py --clang   Clang over what differs on Windows, what the fuzzers leave out (they
                                are built with Clang), and the SDK's headers
    tools/dev/lint.py --tidy    clang-tidy over host and client as Linux builds them
    --all                       Clang over every file, the tests too; clang-tidy also over what
                                only Windows builds

Reads compile_commands.json of build/linux and build/windows, which must be configured, and built
where sources are generated. ./dev lint sees to that.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = "tests/sim/interleave/"  # needs std::source_location: Clang 16
PRODUCT = ("host/", "client/", "plugins/")
# The fuzzers link these libraries. ./dev fuzz builds them with Clang, and any warning fails there.
FUZZED = re.compile(r"/portico_(io|config|admin|net|plugin|client|client_options)\.dir/")
TIDY = ("host/", "client/")

WARNINGS = ["-Wgnu", "-Werror", "-Wno-string-conversion"]  # PORTICO_ASSERT(!"what went wrong")
# What GCC alone knows, and the precompiled header that only its tests have.
GCC_ONLY = ("-Wno-restrict", "-fno-ipa-ra", "-fno-keep-inline-dllexport", "-fpch-preprocess",
            "-Winvalid-pch")
# The system's headers for Windows, as g++ finds them, in C and in C++.
MINGW = "x86_64-w64-mingw32-g++-posix"


def mingw_options():
    """Clang knows MinGW's C headers, but not where Debian has the C++ ones."""
    listed = subprocess.run([MINGW, "-E", "-x", "c++", "-v", os.devnull], capture_output=True,
                            text=True, check=True).stderr
    folders = [line.strip() for line in listed.splitlines() if line.startswith(" /")]
    cxx = [folder for folder in folders if "/c++" in folder]
    return ["--target=x86_64-w64-windows-gnu"], \
        ["-nostdinc++"] + [word for folder in cxx for word in ("-isystem", folder)]


def files_of(entry):
    """Its file, or those that are compiled together in it."""
    if "/Unity/" not in entry["file"]:
        return [entry["file"]]
    with open(entry["file"], encoding="utf-8") as file:
        return re.findall(r'#include "(.+)"', file.read())


def read_commands(preset):
    """The files that a preset builds, once each: their path, folder and options for Clang."""
    target, target_cxx = mingw_options() if preset == "windows" else ([], [])
    with open(os.path.join(ROOT, "build", preset, "compile_commands.json"),
              encoding="utf-8") as file:
        entries = json.load(file)
    commands = {}
    for entry, name in ((entry, name) for entry in entries for name in files_of(entry)):
        path = os.path.relpath(name, ROOT)
        if path in commands or path.startswith(("..", "build/", SKIPPED)):
            continue
        cxx = path.endswith(".cpp")
        words, kept = shlex.split(entry["command"]), ["clang++" if cxx else "clang"]
        at = next(i for i, word in enumerate(words) if word.startswith("-"))
        while at < len(words):
            word = words[at]
            if word in ("-o", "-c") or word == "-include" and "cmake_pch" in words[at + 1]:
                at += 1
            elif word not in GCC_ONLY:
                kept.append(word)
            at += 1
        commands[path] = {"file": name, "directory": entry["directory"],
                          "arguments": kept + target + (target_cxx if cxx else []),
                          "fuzzed": FUZZED.search(entry["command"]) is not None}
    return commands


def parse(path, command):
    """As cmake/PorticoWarnings.cmake has it for Clang."""
    signs = ["-Wno-sign-conversion"] if path.startswith("tests/") else []
    return command["arguments"] + WARNINGS + signs + ["-fsyntax-only", command["file"]]


def sdk_headers(folder):
    """The SDK's C headers with MSVC's options, in C and C++. They need no headers but Clang's own,
    unlike the C++ wrapper's."""
    headers = os.path.join(ROOT, "sdk/include")
    names = sorted(os.path.relpath(os.path.join(at, name), headers)
                   for at, _, files in os.walk(headers) for name in files
                   if name.endswith(".h"))
    source = os.path.join(folder, "headers.c")
    with open(source, "w", encoding="utf-8") as file:
        file.writelines(f'#include "{name}"\n' for name in names)
    for standard, language in (("c11", "/TC"), ("c++17", "/TP"), ("c++20", "/TP")):
        yield (f"the SDK's headers with clang-cl, {standard}",
               command_job(["clang", "--driver-mode=cl", "--target=x86_64-pc-windows-msvc",
                            f"/std:{standard}", language, "/W4", "/WX", "-Wpedantic",
                            "-fsyntax-only", "/clang:-ffreestanding", "/I", headers, source]))


def clang_jobs(commands, everything, folder):
    for preset, files in commands.items():
        for path, command in sorted(files.items()):
            if everything or path.startswith(PRODUCT) and worth_it(preset, path, command, commands):
                yield f"{path} ({preset})", command_job(parse(path, command))
    yield from sdk_headers(folder)


def worth_it(preset, path, command, commands):
    if preset == "linux":
        return not command["fuzzed"]
    if path not in commands["linux"]:
        return True
    with open(command["file"], encoding="utf-8") as file:
        return "_WIN32" in file.read()


def options_of(commands):
    """What the files of a folder are compiled with, all together."""
    merged = []
    for command in commands:
        words = iter(command["arguments"][1:])
        for word in words:
            option = (word, next(words)) if word in ("-I", "-isystem", "-include") else (word,)
            if option not in merged:
                merged.append(option)
    return [word for option in merged for word in option]


def tidy(name, commands, folder):
    """clang-tidy on a folder as if it were one file: most of the time goes into the headers that
    its files share. Files that cannot be compiled together are halved."""
    unit = os.path.join(folder, re.sub(r"\W", "_", name) + f"_{len(commands)}.cpp")
    with open(unit, "w", encoding="utf-8") as file:
        file.writelines(f'#include "{command["file"]}"\n' for command in commands)
    done = subprocess.run(
        ["clang-tidy", "--quiet", f"--config-file={ROOT}/.clang-tidy", "--warnings-as-errors=*",
         f"--header-filter={ROOT}/(host|client)/", "--checks=-bugprone-suspicious-include", unit,
         "--", "-ferror-limit=1", *options_of(commands)],
        cwd=commands[0]["directory"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        check=False)
    if "clang-diagnostic-error" in done.stdout and len(commands) > 1:
        middle = len(commands) // 2
        halves = (tidy(name + "_a", commands[:middle], folder),
                  tidy(name + "_b", commands[middle:], folder))
        return max(status for status, _ in halves), "".join(output for _, output in halves)
    return done.returncode, done.stdout


def tidy_jobs(commands, everything, folder):
    """Each folder as Linux builds it, and what only Windows builds of it."""
    folders = {}
    for preset, files in commands.items():
        if preset != "linux" and not everything:
            continue
        for path, command in sorted(files.items()):
            if path.startswith(TIDY) and (preset == "linux" or path not in commands["linux"]):
                folders.setdefault((preset, os.path.dirname(path)), []).append(command)
    for (preset, path), files in folders.items():
        name = f"{path} ({preset})"
        yield name, lambda name=name, files=files: tidy(name, files, folder)


def command_job(command):
    def run_command():
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        return done.returncode, done.stdout
    return run_command


def run(job):
    name, work = job
    started = time.monotonic()
    status, output = work()
    return name, status, output, time.monotonic() - started


def run_all(jobs, what, verbose):
    bad, count = 0, 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, status, output, seconds in pool.map(run, jobs):
            count += 1
            if verbose:
                print(f"{seconds:6.1f} s  {name}", flush=True)
            if status != 0:
                bad += 1
                print(f"{name}:\n{output}", flush=True)
    print(f"{what}: {count} checked, {bad} with findings", flush=True)
    return bad == 0 and count > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clang", action="store_true")
    parser.add_argument("--tidy", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="the seconds of each")
    options = parser.parse_args()
    commands = {preset: read_commands(preset) for preset in ("linux", "windows")}
    good = True
    with tempfile.TemporaryDirectory() as folder:
        if options.clang:
            good &= run_all(list(clang_jobs(commands, options.all, folder)), "Clang",
                            options.verbose)
        if options.tidy:
            good &= run_all(list(tidy_jobs(commands, options.all, folder)), "clang-tidy",
                            options.verbose)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
