"""A config file as YAML gives it, with what YAML itself lets pass: keys given twice, and references without end."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from locus2target.core.errors import InputError, shortened

_LARGEST = 100_000  # values; a config has some hundreds, references to references have billions
_START_ANEW = "Start from a copy of config/config.yaml."


class _Loader(yaml.SafeLoader):
    """YAML without objects, which refuses a key that comes twice: the first would be ignored."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Values by key."""
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else id(key_node)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {shortened(key)} comes twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_config(path: str) -> dict[str, Any]:
    """Read a config file.

    Raises
    ------
    InputError
        If there is no such file, it is no YAML (with line and column), a key comes twice, or it has no keys.
    """
    try:
        config = _load(Path(path).read_text(encoding="utf-8-sig"), path)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path, remedy="Name a config file.") from error
    except yaml.MarkedYAMLError as error:
        raise InputError(f"is not YAML: {_in_one_line(error)}", where=path, remedy="Mend that line.") from error
    except RecursionError as error:
        raise InputError("is nested too deeply", where=path, remedy=_START_ANEW) from error
    except (yaml.YAMLError, ValueError) as error:  # numbers of thousands of digits, and what is not text
        raise InputError(f"is not YAML: {error}", where=path, remedy="Write it as plain text in UTF-8.") from error
    if not isinstance(config, dict):
        raise InputError("has no keys", where=path, remedy=_START_ANEW)
    return config


def _load(text: str, path: str) -> object:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > _LARGEST:
            raise InputError("refers to itself, or repeats references", where=path, remedy=_START_ANEW)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Values that a node holds, all references written out; one that holds itself is beyond the limit."""
    if id(node) not in known:
        known[id(node)] = _LARGEST + 1
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _in_one_line(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    place = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
    return f"{error.problem}{place}"
