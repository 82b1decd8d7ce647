"""A version's folder: written whole or not at all, and never changed after.

models/NAME/3/ holds NAME.onnx, card.json, config.yaml where the training left one, and `sha256`,
which `sha256sum -c` reads. Everything is written beside, flushed to the disk and then renamed, so
a kill leaves the folder complete or a name that begins with a dot, which nobody reads.
"""

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from loopcast.core.errors import ArtifactError

SUMS = "sha256"
LEFT = 86_400.0
"""Seconds after which a prepared folder without a name was left by a killed process."""


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(content).hexdigest()


def prepare(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A folder of these files under a passing name in `folder`; raises ArtifactError, leaves nothing."""
    sums = "".join(f"{digest(content)}  {name}\n" for name, content in files.items())
    part = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        part = Path(tempfile.mkdtemp(dir=folder, prefix=".part-"))
        part.chmod(0o755)
        for name, content in {**files, SUMS: sums.encode()}.items():
            _write(part / name, content)
        _flush(part)
    except OSError as error:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
        raise _unwritten(folder, error) from error
    return part


def place(part: Path, folder: Path) -> None:
    """Give a prepared folder its name; what a killed process left under it goes."""
    try:
        if folder.exists():
            left = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".left-"))
            os.replace(folder, left)  # noqa: PTH105 - atomic
            shutil.rmtree(left, ignore_errors=True)
        os.replace(part, folder)  # noqa: PTH105 - atomic
        _flush(folder.parent)
    except OSError as error:
        raise _unwritten(folder, error) from error


def taken(folder: Path, known: str) -> bool:
    """Does it hold a whole artifact, and another one than that of this SHA-256?"""
    try:
        sums = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        digests = [line.split("  ", 1) for line in sums]
        whole = all(digest((folder / name).read_bytes()) == sha for sha, name in digests)
    except (OSError, ValueError):
        return False
    return whole and known not in (sha for sha, _ in digests)


def replace_file(path: Path, content: bytes) -> None:
    """The whole new content or the whole old one; raises ArtifactError."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        _write(part, content)
        os.replace(part, path)  # noqa: PTH105 - atomic
        _flush(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


def drop(part: Path) -> None:
    """Forget a prepared folder that is not needed."""
    shutil.rmtree(part, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """What killed processes left long ago goes."""
    for left in (*folder.glob(".part-*"), *folder.glob(".left-*")):
        if time.time() - left.stat().st_mtime > LEFT:
            drop(left)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """The names in it survive a power failure too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _unwritten(path: Path, error: OSError) -> ArtifactError:
    return ArtifactError(
        f"{path} cannot be written ({error.strerror or error}); nothing was kept of it: make room,"
        " or see who may write there"
    )
