"""The parts of a page, whatever its format. Texts may have `code`, **bold** and nothing else in
them."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Heading:
    text: str


@dataclasses.dataclass(frozen=True)
class Paragraph:
    text: str


@dataclasses.dataclass(frozen=True)
class Bullets:
    texts: tuple


@dataclasses.dataclass(frozen=True)
class Table:
    """The first `words` columns are text, the others are figures."""
    head: tuple
    rows: tuple
    title: str = ""
    words: int = 1


@dataclasses.dataclass(frozen=True)
class Series:
    name: str  # a contestant's
    values: tuple  # None: not measured


@dataclasses.dataclass(frozen=True)
class Lines:
    """A chart: a line for each contestant, over the same steps."""
    title: str
    note: str  # the better direction
    steps: tuple  # texts
    series: tuple
    shown: object  # value -> text
    base: int = 0  # of a logarithmic axis; 0: a linear one


@dataclasses.dataclass(frozen=True)
class Ratios:
    """A chart: intervals of ratios, on a logarithmic axis around 1."""
    title: str
    note: str
    rows: tuple  # (label, paired.Interval)
    name: str  # the contestant whose colour it has


@dataclasses.dataclass(frozen=True)
class Charts:
    """Charts side by side if there is room. `names`: (contestant, title) of the legend."""
    charts: tuple
    names: tuple = ()


@dataclasses.dataclass(frozen=True)
class Page:
    title: str
    lead: str
    blocks: tuple
