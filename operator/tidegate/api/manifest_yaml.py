"""YAML as kubectl reads it: the scalars of Go's YAML library, keys as texts, unknown tags passed over.

kubectl (sigs.k8s.io/yaml) turns YAML into JSON and knows nothing else afterwards. So `1e1` is 10 and `0o10` is 8 as in
YAML 1.2, `yes` is true as in YAML 1.1, `1:10` is a text (and not 70), and a key is always a text.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any, Final

import yaml

MOST_NODES: Final = 1_000_000
"""Of one document, aliases written out: a file that says more in fewer lines is an attack."""

_PREFIX: Final = "tag:yaml.org,2002:"
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE: Final = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)")
_INTEGER: Final = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_OCTAL: Final = re.compile(r"([-+]?)0([0-7]+)")


class ManifestLoader(yaml.SafeLoader):
    """See the module."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:  # noqa: ANN401  (PyYAML's own)
        """The tag of a node that has none."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _PREFIX + _kind(value)
        return str(super().resolve(kind, value, (False, True)))  # type: ignore[no-untyped-call]

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """An object, with its keys as texts."""
        if not isinstance(node, yaml.MappingNode):
            raise _error(node, "must be an object with fields")
        merged = yaml.MappingNode(node.tag, list(node.value))  # the node itself stays as it is written
        self.flatten_mapping(merged)
        found: dict[Any, Any] = {}
        for key, value in merged.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _error(key, "a key must be a string")
            found[_key(key)] = self.construct_object(value, deep=deep)
        return found


def weighed(node: yaml.Node) -> None:
    """Raises: yaml.MarkedYAMLError: the document contains itself, or is too large with its aliases written out."""
    known: dict[int, int] = {}
    open_: set[int] = set()

    def weight(one: yaml.Node) -> int:
        if id(one) in open_:
            raise _error(one, "contains itself")
        if id(one) not in known:
            open_.add(id(one))
            parts = [part for item in _parts(one) for part in item]
            known[id(one)] = 1 + sum(weight(part) for part in parts)
            open_.discard(id(one))
        return known[id(one)]

    if weight(node) > MOST_NODES:
        raise _error(node, f"has more than {MOST_NODES} values with its aliases written out")


def _parts(node: yaml.Node) -> list[tuple[yaml.Node, ...]]:
    if isinstance(node, yaml.MappingNode):
        return list(node.value)
    return [(item,) for item in node.value] if isinstance(node, yaml.SequenceNode) else []


def _kind(text: str) -> str:
    """What a plain scalar is, by Go's rules."""
    if text == "<<":
        return "merge"
    if text in _NULLS:
        return "null"
    if text in _TRUE or text in _FALSE:
        return "bool"
    plain = text.replace("_", "")
    if text[0] not in "+-.0123456789":
        return "str"
    if _INTEGER.fullmatch(plain):
        return "int"
    return "float" if _FLOAT.fullmatch(plain) or _NO_NUMBER.fullmatch(text) else "str"


def _key(node: yaml.ScalarNode) -> str:
    """A key as JSON has it."""
    kind = node.tag.removeprefix(_PREFIX)
    if kind == "bool":
        return "true" if node.value in _TRUE else "false"
    if kind in {"int", "float"}:
        return str(_number(node))
    return str(node.value)


def _null(_loader: ManifestLoader, _node: yaml.Node) -> None:
    return None


def _bool(_loader: ManifestLoader, node: yaml.ScalarNode) -> bool:
    if node.value not in _TRUE | _FALSE:
        raise _error(node, f"{node.value!r} is neither true nor false")
    return node.value in _TRUE


def _of_number(_loader: ManifestLoader, node: yaml.ScalarNode) -> int | float:
    return _number(node)


def _number(node: yaml.ScalarNode) -> int | float:
    """A number as JSON has it: a whole one is an integer, however it is written."""
    plain = str(node.value).replace("_", "")
    if _INTEGER.fullmatch(plain):
        return int(_OCTAL.sub(r"\g<1>0o\2", plain) if _OCTAL.fullmatch(plain) else plain, 0)
    if not _FLOAT.fullmatch(plain):
        said = "is not a number that JSON can hold" if _NO_NUMBER.fullmatch(plain) else "is not a number"
        raise _error(node, f"{node.value!r} {said}")
    number = float(plain)
    if math.isinf(number):
        raise _error(node, f"{node.value!r} is too large a number")
    return int(number) if number.is_integer() else number


def _binary(_loader: ManifestLoader, node: yaml.ScalarNode) -> str:
    try:
        return base64.b64decode("".join(str(node.value).split()), validate=True).decode(errors="replace")
    except binascii.Error:
        raise _error(node, "is not base64") from None


def _anything(loader: ManifestLoader, node: yaml.Node) -> Any:  # noqa: ANN401  (what YAML gives)
    """A node of a tag that is not known: what it would be without one; a scalar is a text."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return str(node.value)


def _error(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


ManifestLoader.yaml_constructors = {
    **{_PREFIX + kind: yaml.SafeLoader.yaml_constructors[_PREFIX + kind] for kind in ("str", "seq", "map")},
    _PREFIX + "null": _null,
    _PREFIX + "bool": _bool,
    _PREFIX + "int": _of_number,
    _PREFIX + "float": _of_number,
    _PREFIX + "binary": _binary,
    None: _anything,
}
