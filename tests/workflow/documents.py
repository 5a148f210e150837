"""Command blocks of the documents: found by their fence, and what is to be done with them by the comment before it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from toy import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
COMMAND_LANGUAGES = {"bash", "sh"}
OTHER_LANGUAGES = {"text", "json", "yaml"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (run|parse|output) -->\n$")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the lines that its commands must print."""

    document: Path
    line: int
    language: str
    mark: str | None
    text: str
    expected: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks_of(document: Path) -> list[Block]:
    """All fenced blocks of a document in their order; what a block must print is taken from the `output` after it."""
    text = document.read_text()
    found: list[Block] = []
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        mark = MARK.search(before)
        block = Block(document, before.count("\n") + 1, match[1], mark and mark[1], match[2])
        if block.mark == "output":
            found[-1].expected.extend(block.text.splitlines())
        else:
            found.append(block)
    return found


def command_blocks(document: Path, mark: str | None = None) -> list[Block]:
    """Blocks of shell commands, all or those with a mark."""
    commands = [block for block in blocks_of(document) if block.language in COMMAND_LANGUAGES]
    return [block for block in commands if mark is None or block.mark == mark]


def squeezed(text: str) -> str:
    """Text with every stretch of blanks and tabs as one blank."""
    return re.sub(r"[ \t]+", " ", text)


def commands_of(block: Block) -> list[str]:
    """Simple commands of a block: without here-documents, comments and assignments, parted at pipes and semicolons."""
    text = re.sub(r"<<'(\w+)'(.*)\n(?:.*\n)*?\1\n", r"\2\n", block.text).replace("\\\n", " ")
    text = re.sub(r"(^|\s)#.*", "", text)
    text = "\n".join([text, *re.findall(r'--wrap "([^"]*)"', text)])  # what a job script holds
    parts = re.split(r"\n|;|\|\||&&|\|(?=\s)|\$\(|\)", _without_quoted(text))
    words = (re.sub(r"^\s*(?:(?:(?:if|then|while|do|export)\b|\w+=\S*)\s*)*", "", part).strip() for part in parts)
    return [command for command in words if command and command not in {"fi", "done"}]


def _without_quoted(text: str) -> str:
    """Quoted text may hold anything: one word stands for it."""
    return re.sub(r"'[^']*'|\"[^\"]*\"", "QUOTED", text)


def config_keys(values: object, above: str = "") -> set[str]:
    """Dotted names of all keys of a config."""
    if not isinstance(values, dict):
        return set()
    names = {f"{above}{key}": value for key, value in values.items()}
    return set(names).union(*(config_keys(value, f"{name}.") for name, value in names.items()))


CONFIG_KEYS = config_keys(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
