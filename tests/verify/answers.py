#!/usr/bin/env python3
"""The answers of the host's functions in all checks of several verifications, as a table.

    answers.py FILE.json ...

Fails if a function was never called, or did not give an answer that the checks must provoke.
"""
import json
import sys

FUNCTIONS = [
    "send", "send_parts", "finish_sending", "close", "pause_reading", "resume_reading", "post",
    "post_instance", "info", "start of timers", "restart of timers", "cancel of timers",
    "send of send_owned", "reserve of send_owned", "commit of send_owned", "drop of send_owned",
    "join of connections",
    "leave of connections", "list of connections", "broadcast of connections",
    "run of the executor", "connect", "find of connect", "resolve", "cancel of resolve"]
QUEUED = ["send", "send_parts", "send of send_owned", "reserve of send_owned"]
LIMITED = ["post", "post_instance", "start of timers", "join of connections",
           "run of the executor", "connect", "resolve"]
# A check lets these fail as it does the others.
FAILING = [name for name in FUNCTIONS
           if name.split()[0] not in ("cancel", "commit", "drop", "find", "leave", "list")]
# What a connect and a lookup may come to.
OUTCOMES = {
    "outcome of connects": {"PORTICO_OK", "PORTICO_ERROR", "PORTICO_TIMED_OUT"},
    "outcome of lookups": {"PORTICO_OK", "PORTICO_NOT_FOUND", "PORTICO_TIMED_OUT", "PORTICO_ERROR",
                           "PORTICO_CANCELLED", "PORTICO_CLOSING", "PORTICO_NO_MEMORY"}}


def needed(function):
    if function in OUTCOMES:
        return OUTCOMES[function]
    answers = {"PORTICO_OK"}
    if function in FAILING:
        answers |= {"PORTICO_NO_MEMORY", "PORTICO_GONE"}
    if function in QUEUED:
        answers.add("PORTICO_WOULD_BLOCK")
    if function in LIMITED:
        answers.add("PORTICO_LIMIT")
    return answers


def main():
    seen = {name: set() for name in [*FUNCTIONS, *OUTCOMES]}
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as text:
            for check in json.load(text)["checks"]:
                for function, answers in check["answers"].items():
                    seen.setdefault(function, set()).update(answers)
    missing = []
    print("| function | answers |\n|---|---|")
    for function, answers in seen.items():
        print(f"| {function} | {', '.join(sorted(answers))} |")
        if function in FUNCTIONS or function in OUTCOMES:
            missing += [f"{function}: {name}" for name in sorted(needed(function) - answers)]
    for one in missing:
        print(f"never answered: {one}", file=sys.stderr)
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
