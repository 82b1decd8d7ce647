"""What an ONNX file holds and onnxruntime does not show, read from its bytes without the onnx package."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from loopcast.core.errors import ArtifactError

PARTS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Field numbers of onnx.proto under which a tensor or a node can lie."""
DEPTH = 40


class Message(NamedTuple):
    """One message: its kind in `PARTS`, and the values of its fields by number."""

    kind: str
    fields: dict[int, list[memoryview | int]]

    def texts(self, number: int) -> list[str]:
        """A field of strings."""
        return [bytes(value).decode(errors="replace") for value in self.inner(number)]

    def inner(self, number: int) -> list[memoryview]:
        """A field of strings or messages, as bytes."""
        return [v for v in self.fields.get(number, []) if isinstance(v, memoryview)]


def vocabularies(found: Iterable[Message]) -> dict[str, frozenset[str]]:
    """The texts that the graph tells apart, by input name: the keys of its LabelEncoders."""
    encoders = (node for node in found if node.kind == "node" and node.texts(4) == ["LabelEncoder"])
    return {node.texts(1)[0]: frozenset(_keys(node)) for node in encoders}


def _keys(node: Message) -> list[str]:
    attributes = [Message("attribute", _fields(value)) for value in node.inner(5)]
    keys = (a.texts(9) for a in attributes if a.texts(1) == ["keys_strings"])
    return next(keys, [])


def refuse_external_data(found: Iterable[Message]) -> None:
    """A file that a tensor names would be read by onnxruntime even where the graph came as bytes."""
    for tensor in found:
        if tensor.kind == "tensor" and (13 in tensor.fields or any(tensor.fields.get(14, []))):
            raise ArtifactError(
                "this .onnx file takes weights from another file; an artifact is one file:"
                " export it again with loopcast"
            )


def messages(content: bytes) -> Iterator[Message]:
    """Every message in which a tensor or a node can lie; raises ArtifactError for other bytes."""
    try:
        yield from _walk("model", memoryview(content), DEPTH)
    except (IndexError, ValueError) as error:
        raise ArtifactError(
            "this is no ONNX file, or a damaged one; give an artifact that loopcast exported"
        ) from error


def _walk(kind: str, content: memoryview, depth: int) -> Iterator[Message]:
    if not depth:
        raise ValueError("nested too deeply")
    found = Message(kind, _fields(content))
    yield found
    for number, part in PARTS[kind].items():
        for value in found.inner(number):
            yield from _walk(part, value, depth - 1)


def _fields(content: memoryview) -> dict[int, list[memoryview | int]]:
    found: dict[int, list[memoryview | int]] = {}
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        if not 8 <= tag < 1 << 32:  # other readers would cut the number and see another field
            raise ValueError("no field has this number")
        value: memoryview | int = 0
        if tag & 7 == 0:
            value, place = _varint(content, place)
        else:
            size, place = _size(content, place, tag & 7)
            value, place = content[place : place + size], place + size
        found.setdefault(tag >> 3, []).append(value)
    if place > len(content):
        raise ValueError("cut short")
    return found


def _size(content: memoryview, place: int, wire: int) -> tuple[int, int]:
    if wire == 2:
        return _varint(content, place)
    return {1: 8, 5: 4}[wire] if wire in (1, 5) else _unknown(wire), place


def _unknown(wire: int) -> int:
    raise ValueError(f"wire type {wire}")


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = content[place]
        number |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return number, place
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
