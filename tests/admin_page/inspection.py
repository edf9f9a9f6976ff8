"""What can be seen to be wrong with a page's looks."""

import os

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inspection.js")
NAMED_ROLES = {"button", "link", "textbox", "searchbox", "combobox", "meter", "dialog", "table",
               "group", "region", "image", "navigation"}


def inspect(page, what):
    """One of the lists of inspection.js, or its number."""
    with open(SCRIPT, encoding="utf-8") as file:
        page.evaluate(file.read())
    return page.evaluate(f"inspection.{what}()")


def nameless(page):
    """What a screen reader would offer without a name: roles."""
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    return [node["role"]["value"] for node in tree
            if not node["ignored"] and node["role"]["value"] in NAMED_ROLES
            and not node.get("name", {}).get("value")]
