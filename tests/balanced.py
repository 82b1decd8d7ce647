"""Reads a page, and fails where its tags do not match."""

from html.parser import HTMLParser


class Balanced(HTMLParser):
    """`open` holds the tags that were not closed yet."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        """Nothing stays open."""

    def handle_endtag(self, tag) -> None:
        if tag != "meta":
            assert self.open.pop() == tag


def parsed(html: str) -> None:
    """Assert that every tag is closed in its place."""
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
