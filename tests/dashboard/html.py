"""What a browser and a screen reader make of a page, as far as the markup alone decides it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "img"}


class Html(HTMLParser):
    """Tags with their attributes, the text, and the mistakes that markup alone shows."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = self.style = ""
        self._open: list[str] = []
        self.mistakes: list[str] = []
        self.feed(body)
        if self._open:
            self.mistakes.append(f"left open: {self._open}")
        self._check()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.tags.append((tag, named))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.mistakes.append(f"</{tag}> at {self.getpos()} closes something else")

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.style += data
            return
        self.text += " ".join(data.split()) + " "

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """Attributes of every such tag; `_` stands for `-` in a name."""
        asked = {name.strip("_").replace("_", "-"): value for name, value in wanted.items()}
        return [a for t, a in self.tags if t == tag and all(a.get(n) == v for n, v in asked.items())]

    def links(self) -> set[str]:
        """Addresses of this service that the page links to."""
        return {a["href"].split("#")[0] for a in self.all("a") if a.get("href", "").startswith("/")}

    def _check(self) -> None:
        ids = [a["id"] for _, a in self.tags if "id" in a]
        self.mistakes += [f"id {i} twice" for i in {i for i in ids if ids.count(i) > 1}]
        for name in ("aria-labelledby", "aria-describedby", "for", "list"):
            wanted = {i for _, a in self.tags for i in a.get(name, "").split()}
            self.mistakes += [f"{name} {i} points nowhere" for i in wanted - set(ids)]
        labelled = {a.get("for") for a in self.all("label")}
        for tag, a in self.tags:
            if tag in ("input", "select") and a.get("type") not in ("hidden", "radio") and a.get("id") not in labelled:
                self.mistakes.append(f"{tag} {a.get('name')} has no label")
            if tag == "img" and not a.get("alt"):
                self.mistakes.append(f"img {a.get('src')} has no alt")
            self.mistakes += [f"{tag} has {n}" for n in a if n == "style" or n.startswith("on")]
        self.mistakes += [f"not one {tag}" for tag in ("h1", "main") if len(self.all(tag)) != 1]
        if [a for a in self.all("script") if "src" not in a]:
            self.mistakes.append("inline script")
