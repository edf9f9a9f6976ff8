#!/usr/bin/env python3
"""The files of examples/monitoring: each metric that they name is documented, each documented one
can be found, and Prometheus' own check finds nothing wrong with them. Without promtool the last
part is skipped, and says so."""
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "examples/monitoring")
NAME = re.compile(r"\b(?:portico|process)_[a-z_]+\b")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def documented():
    text = read(os.path.join(ROOT, "docs/reference/metrics.md"))
    names = set(NAME.findall(text))
    for shortened in re.findall(r"`\.\.\.(_[a-z_]+)`", text):
        names.add("portico_outbound" + shortened)
    return names


def expressions():
    dashboard = json.loads(read(os.path.join(FOLDER, "dashboard.json")))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"dashboard.json: {panel['title']}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield f"dashboard.json: {variable['name']}", variable.get("definition", "")
    yield "alerts.yml", "\n".join(
        line for line in read(os.path.join(FOLDER, "alerts.yml")).splitlines()
        if not line.lstrip().startswith(("#", "summary:", "description:")))


def undocumented():
    known = documented()
    for place, expression in expressions():
        for name in NAME.findall(expression):
            if name not in known and SUFFIX.sub("", name) not in known:
                yield f"{place}: {name} is not in docs/reference/metrics.md"


def unpositioned():
    """Panels that cover each other."""
    taken = {}
    for panel in json.loads(read(os.path.join(FOLDER, "dashboard.json")))["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield f"dashboard.json: {panel['title']} covers {taken[x, y]}"
                    return
                taken[x, y] = panel["title"]


def promtool():
    if shutil.which("promtool") is None:
        print("SKIPPED: no promtool (Debian's package prometheus)")
        return
    for arguments in (["config", "prometheus.yml"], ["rules", "alerts.yml"]):
        done = subprocess.run(["promtool", "check"] + arguments, cwd=FOLDER, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            yield done.stdout


def main():
    findings = list(undocumented()) + list(unpositioned()) + list(promtool())
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
