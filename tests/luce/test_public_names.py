from __future__ import annotations

import subprocess
import sys

import luce

BLOCKED = """
import sys

ALLOWED = {"luce", "grpc", "google", "typing_extensions", "_cython_3_2_0", "__main__"}

class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ALLOWED or top.startswith("_"):
            return None
        raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Block())
import luce
for name in luce.__all__:
    getattr(luce, name)
luce.Client("127.0.0.1:1").close()
assert "luce.server" not in sys.modules, "the SDK imported server code"
import luce.cli.main
luce.cli.main.make_parser()
"""


def test_the_public_names_are_these() -> None:
    assert luce.__all__ == [
        "DEFAULT_LIMITS",
        "DEFAULT_RETRY",
        "DEFAULT_TIMEOUT",
        "AgentFinding",
        "AgentNote",
        "AgentOptions",
        "AgentReport",
        "Alignment",
        "Animation",
        "AsyncClient",
        "AsyncJobHandle",
        "AsyncJobs",
        "AudioChunk",
        "Blob",
        "Cancelled",
        "ChainStep",
        "ChainTold",
        "Client",
        "Composition",
        "DeadlineExceeded",
        "Descriptor",
        "Element",
        "Embeddings",
        "Emotion",
        "EmotionPoint",
        "FailedPrecondition",
        "Feeling",
        "Film",
        "FitReason",
        "IdempotencyMismatch",
        "ImagePainted",
        "Imagined",
        "Internal",
        "InvalidArgument",
        "Job",
        "JobEvent",
        "JobHandle",
        "JobState",
        "Jobs",
        "Limits",
        "LuceError",
        "MalformedMedia",
        "MusicDescription",
        "MusicHeard",
        "MusicOptions",
        "MusicPart",
        "MusicTag",
        "NotFound",
        "PaintOptions",
        "PaintedImage",
        "Painting",
        "PayloadTooLarge",
        "PermissionDenied",
        "Picture",
        "PictureMeasures",
        "Piece",
        "PieceWritten",
        "Preview",
        "Progress",
        "Prompt",
        "PromptWritten",
        "RequestError",
        "ResourceExhausted",
        "Retry",
        "ServiceError",
        "Shot",
        "StateChanged",
        "Timeout",
        "Unauthenticated",
        "Unavailable",
        "Unimplemented",
        "UnsupportedMediaType",
        "WrittenMusic",
        "WrittenPiece",
        "__version__",
    ]


def test_every_public_name_is_there_and_listed_by_dir() -> None:
    for name in luce.__all__:
        assert getattr(luce, name) is not None
    assert set(luce.__all__) <= set(dir(luce))


def test_every_public_error_of_the_tree_is_exported() -> None:
    exported = {getattr(luce, name) for name in luce.__all__}
    todo = [luce.LuceError]
    while todo:
        kind = todo.pop()
        assert kind in exported
        todo.extend(kind.__subclasses__())


def test_the_sdk_and_the_command_line_need_grpcio_and_protobuf_alone() -> None:
    subprocess.run([sys.executable, "-c", BLOCKED], check=True, timeout=60)


def test_importing_luce_alone_loads_no_grpc() -> None:
    check = "import sys, luce, luce.errors, luce.emotion; assert 'grpc' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)
