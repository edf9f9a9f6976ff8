#!/usr/bin/env python3
"""Runs what can run here of .github/workflows/ci.yml, which itself runs at GitHub alone.

Presets are configured in a scratch folder, but nothing is built with them: their build is asked for
its targets, and ctest for its tests. ./dev setup only lists. Scripts in bash run as they are. For
Windows the presets must exist. A command that this test does not know fails it.

    tests/tidy/workflow.py --work DIR
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORKFLOW = ".github/workflows/ci.yml"
JOB = re.compile(r"^  (\w+):$")
VARIANT = re.compile(r"^ +- \{(.*)\}$")
SYSTEM = re.compile(r"^    runs-on: (\w+)")
RUN = re.compile(r"^(?P<indent> +)(?:- )?run: (?P<command>.*)$")


def steps(text):
    """The system of each command, and the command, with each of the job's variants put in."""
    system, variants, lines, found = "", [{}], text.splitlines(), []
    for number, line in enumerate(lines):
        if JOB.match(line):
            variants = [{}]
        elif VARIANT.match(line):
            pairs = dict(pair.strip().split(": ") for pair in VARIANT.match(line)[1].split(","))
            variants = [one for one in variants if one] + [pairs]
        elif SYSTEM.match(line):
            system = SYSTEM.match(line)[1]
        elif RUN.match(line):
            command, indent = RUN.match(line)["command"], len(RUN.match(line)["indent"])
            if command == "|":
                block = []
                for inner in lines[number + 1:]:
                    if inner.strip() and len(inner) - len(inner.lstrip()) <= indent:
                        break
                    block.append(inner.strip())
                command = "\n".join(block).strip()
            found += [(system, put_in(command, variant)) for variant in variants]
    return list(dict.fromkeys(found))


def put_in(command, variant):
    return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda name: variant[name[1]], command)


def preset_of(words):
    return words[words.index("--preset") + 1]


def presets(kind):
    with open(os.path.join(ROOT, "CMakePresets.json"), encoding="utf-8") as file:
        return {one["name"] for one in json.load(file)[kind] if not one.get("hidden")}


def check(system, command, work):
    """What is wrong with a command, or None."""
    if "\n" in command:
        env = dict(os.environ, GITHUB_ENV=os.path.join(work, "env"), VCPKG_INSTALLATION_ROOT=work)
        return output_of_failed(["bash", "-euo", "pipefail", "-c", command], work, env)
    words = shlex.split(command)
    if words[:2] == ["./dev", "setup"]:
        return output_of_failed(words + ["--list"], ROOT)
    kinds = {("cmake", "--preset"): "configurePresets", ("cmake", "--build"): "buildPresets",
             ("ctest", "--preset"): "testPresets"}
    kind = kinds.get(tuple(words[:2]))
    if kind is None:
        return "unknown to this test: teach it how to try this command"
    preset = preset_of(words)
    if preset not in presets(kind):
        return f"there is no preset {preset} among the {kind}"
    if system != "ubuntu":
        return None
    build = os.path.join(work, preset)
    if kind == "configurePresets":
        return output_of_failed(words + ["-B", build], ROOT)
    if kind == "buildPresets":
        return output_of_failed(["cmake", "--build", build, "--target", "help"], ROOT)
    return output_of_failed(["ctest", "--test-dir", build, "-N", "--no-tests=error"], ROOT)


def output_of_failed(command, folder, env=None):
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout[-3000:] if done.returncode != 0 else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = os.path.abspath(parser.parse_args().work)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    with open(os.path.join(ROOT, WORKFLOW), encoding="utf-8") as file:
        commands = steps(file.read())
    bad = 0
    for system, command in commands:
        if "preset clang" in command and shutil.which("clang++") is None:
            continue  # ./dev test needs no Clang; in CI ./dev lint has installed it
        wrong = check(system, command, work)
        if wrong is not None:
            bad += 1
            print(f"{WORKFLOW}, on {system}: {command}\n{wrong}")
    print(f"{len(commands)} commands, {bad} failed")
    return 0 if bad == 0 and len(commands) >= 6 else 1


if __name__ == "__main__":
    sys.exit(main())
