#!/usr/bin/env python3
"""Makes a folder of HTML of the documents: README.md, docs/README.md, and every page that they link
to, directly or by way of others. index.html is docs/README.md. Links between the pages work in that
folder; what a page shows is copied; links to files that are not in it become plain text.

    pages.py OUTPUT [--sdk FOLDER]

    --sdk   the pages that Doxygen has made of the headers; they become sdk/ in OUTPUT"""

import argparse
import html
import os
import posixpath
import re
import shutil
import sys

from markdown_it import MarkdownIt

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INDEX = "docs/README.md"
SDK = "docs/reference/sdk.md"
COPIED = (".svg", ".png", ".html")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ max-width: 46rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 sans-serif;
       color: #222; background: #fff }}
nav {{ border-bottom: 1px solid #ccc; padding-bottom: .5rem }}
h1, h2, h3 {{ line-height: 1.2; margin-top: 2rem }}
a {{ color: #0645ad }}
code {{ background: #f3f3f3; padding: .1em .2em }}
pre {{ background: #f3f3f3; padding: .7rem; overflow-x: auto; line-height: 1.35 }}
pre code {{ padding: 0 }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
th, td {{ border: 1px solid #ccc; padding: .25rem .5rem; text-align: left; vertical-align: top }}
img {{ max-width: 100% }}
@media (prefers-color-scheme: dark) {{
body {{ color: #ddd; background: #181818 }}
a {{ color: #8ab4f8 }}
code, pre {{ background: #2a2a2a }}
th, td, nav {{ border-color: #444 }}
}}
</style>
</head>
<body>
<nav><a href="{index}">Portico: the documentation</a></nav>
{body}</body>
</html>
"""


def anchor_of(heading):
    """As GitHub makes it of a heading's text."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


class Site:
    def __init__(self, sdk):
        self.sdk = sdk
        self.parser = MarkdownIt("commonmark").enable("table")
        self.copied = set()
        self.dropped = set()

    def target(self, page):
        """Where a document's page is, from the top of the output."""
        if page == INDEX:
            return "index.html"
        if page == SDK and self.sdk:
            return "sdk/index.html"
        return page[:-len(".md")] + ".html"

    def link(self, page, href):
        """The document that a link leads to, if any, and what the link is in the output; None for a
        link to what is not there."""
        if re.match(r"\w+:|#", href):
            return None, href
        path, _, anchor = href.partition("#")
        to = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        if not os.path.exists(os.path.join(ROOT, to)):
            sys.exit(f"{page}: the link {href} leads to no file")
        own = posixpath.dirname(self.target(page))
        if to.endswith(".md"):
            return to, posixpath.relpath(self.target(to), own) + ("#" + anchor if anchor else "")
        if to.endswith(COPIED):
            self.copied.add(to)
            return None, posixpath.relpath(to, own)
        self.dropped.add(to)
        return None, None

    def convert(self, page):
        """A document's HTML, and the documents to which it links."""
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            tokens = self.parser.parse(file.read())
        title, linked, anchors = page, set(), {}
        for number, token in enumerate(tokens):
            if token.type == "heading_open":
                text = "".join(child.content for child in tokens[number + 1].children)
                anchor = anchor_of(text)
                count = anchors[anchor] = anchors.get(anchor, -1) + 1
                token.attrSet("id", anchor + (f"-{count}" if count else ""))
                if token.tag == "h1":
                    title = text
            for child in token.children or []:
                self.relink(page, child, linked)
            self.unlink(token.children or [])
        index = posixpath.relpath("index.html", posixpath.dirname(self.target(page)))
        body = self.parser.renderer.render(tokens, self.parser.options, {})
        return PAGE.format(title=html.escape(title), index=index, body=body), linked

    def relink(self, page, token, linked):
        name = {"link_open": "href", "image": "src"}.get(token.type)
        if name is None:
            return
        to, href = self.link(page, token.attrGet(name))
        if to:
            linked.add(to)
        token.attrs[name] = href

    def unlink(self, tokens):
        """Takes away the links that lead nowhere, with their ends."""
        is_dead = False
        for token in tokens:
            if token.type == "link_open":
                is_dead = token.attrGet("href") is None
            if is_dead and token.type in ("link_open", "link_close"):
                is_dead = token.type == "link_open"
                token.type, token.tag, token.nesting, token.content = "text", "", 0, ""


def write(folder, path, text):
    path = os.path.join(folder, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def check(folder):
    """Each link of each page leads to a file, and to a place in it."""
    pages = {}
    for at, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".html"):
                path = os.path.join(at, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    pages[os.path.normpath(path)] = file.read()
    bad = 0
    for path, text in pages.items():
        if "/sdk/" in path or "/results/" in path:
            continue
        for href in re.findall(r'(?:href|src)="([^"]*)"', text):
            if re.match(r"\w+:", href):
                continue
            to, _, anchor = html.unescape(href).partition("#")
            to = os.path.normpath(os.path.join(os.path.dirname(path), to)) if to else path
            if not os.path.exists(to) or (anchor and f'id="{anchor}"' not in pages.get(to, "")):
                print(f"{path}: the link {href} leads nowhere")
                bad += 1
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--sdk")
    options = parser.parse_args()
    site = Site(options.sdk)
    shutil.rmtree(options.output, ignore_errors=True)
    waiting, done = ["README.md", INDEX], set()
    while waiting:
        page = waiting.pop()
        if page in done or site.target(page).startswith("sdk/"):
            continue
        done.add(page)
        text, linked = site.convert(page)
        write(options.output, site.target(page), text)
        waiting += sorted(linked)
    for path in sorted(site.copied):
        to = os.path.join(options.output, path)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(os.path.join(ROOT, path), to)
    if options.sdk:
        shutil.copytree(options.sdk, os.path.join(options.output, "sdk"))
    bad = check(options.output)
    print(f"{len(done)} pages, {len(site.copied)} other files, {bad} bad links; as text: "
          f"{', '.join(sorted(site.dropped)) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
