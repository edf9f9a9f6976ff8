"""A page as Markdown. Charts are only in the HTML page: their figures are in the tables."""
from . import blocks

GENERATED = "<!-- written by ./dev compare: change bench/comparison/story.py instead -->"


def table(block):
    lines = ["| " + " | ".join(block.head) + " |",
             "|" + "---|" * block.words + "---:|" * (len(block.head) - block.words)]
    lines += ["| " + " | ".join(row) + " |" for row in block.rows]
    return (f"{block.title}:\n\n" if block.title else "") + "\n".join(lines)


def block_text(block):
    match block:
        case blocks.Heading():
            return f"## {block.text}"
        case blocks.Paragraph():
            return block.text
        case blocks.Bullets():
            return "\n".join(f"- {text}" for text in block.texts)
        case blocks.Table():
            return table(block)
        case blocks.Charts():
            return None
    raise TypeError(f"a page has no {type(block).__name__}")


def written(page):
    texts = [f"# {page.title}", GENERATED, page.lead, *(block_text(block) for block in page.blocks)]
    return "\n\n".join(text for text in texts if text) + "\n"
