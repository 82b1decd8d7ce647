"""An artifact's bytes -> an onnxruntime session, opened so that nothing but these bytes is read."""

from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from loopcast.core.errors import ArtifactError

LARGEST = 2**31 - 1
"""Bytes: what one protobuf message can hold."""
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def content(source: str | Path | bytes) -> bytes:
    """The bytes of an artifact; raises ArtifactError where there is no readable file."""
    if isinstance(source, bytes):
        return source
    path = Path(source)
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ArtifactError(f"{path} is no file; give the path of an artifact, NAME.onnx")
        if size > LARGEST:
            raise ArtifactError(
                f"{path} has {size:,} bytes; an artifact has at most {LARGEST:,}: check the path"
            )
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be read ({error.strerror}); check the path of the artifact"
        ) from error


def session(content: bytes, threads: int, providers: Sequence[str]) -> onnxruntime.InferenceSession:
    """Without an arena and spinning threads, which a service pays for."""
    providers = [providers] if isinstance(providers, str) else providers
    wanted = [PROVIDERS.get(provider, provider) for provider in providers]
    _require(wanted, onnxruntime.get_available_providers(), "onnxruntime-gpu brings cuda")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        opened = onnxruntime.InferenceSession(content, options, providers=wanted)
    except Exception as error:  # onnxruntime raises many types of its own
        raise ArtifactError(
            f"this .onnx file cannot be run ({str(error).splitlines()[0][:200]});"
            " give an artifact that loopcast exported"
        ) from error
    _require(wanted, opened.get_providers(), "it has no device, or lacks its libraries")
    return opened


def _require(wanted: Sequence[str], present: Sequence[str], hint: str) -> None:
    names = {provider: name for name, provider in PROVIDERS.items()}
    if absent := [names.get(p, p) for p in wanted if p not in present]:
        known = ", ".join(names.get(p, p) for p in present)
        raise ArtifactError(
            f"onnxruntime cannot run on {', '.join(absent)} here ({hint}); it can on: {known}"
        )
