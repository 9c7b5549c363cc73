"""Triton from the `nvidia-pytriton` wheel: its backend directory, its environment, its command line.

The wheel carries the server binary, its shared libraries, the Python backend and one stub per Python version, but not
in the layout that Triton looks for. `build_backend_directory` copies them, and the backends of this repository, into
one folder; `triton_process` composes the command. Loopback only, no GPU needed, no auto-completed configuration.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from luce.server.local.process import ProcessSpec, http_probe

PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBPYTHON = f"libpython{PYTHON_VERSION}.so.1.0"

STUB_PACKAGES = Path(sys.prefix) / "lib" / "triton-python"
"""Packages for the backends alone. The wheel's stub was built before NumPy 2 and reads its arrays wrongly (it copies
nothing and says nothing), so the backends get a NumPy 1 of their own beside the environment's NumPy 2."""

STUB_NUMPY = "numpy==1.26.4"
"""The last NumPy that the stub of the wheel understands."""

DOOR = """import sys

sys.path[:0] = {path!r}

from backends.{name}.model import TritonPythonModel
"""
"""What stands in the backend directory for each of our backends."""

LOOPBACK = "127.0.0.1"
"""The only address the local server listens on: Triton has no authentication of its own."""

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "CUDA_VISIBLE_DEVICES")
"""Variables of our own environment that the server gets; nothing else leaks into it."""


class TritonNotInstalled(RuntimeError):
    """A piece that the local Triton needs is missing on this machine; the message says what to install."""


@dataclass(frozen=True, slots=True)
class TritonWheel:
    """Where the parts of the `nvidia-pytriton` wheel lie."""

    server: Path
    libraries: Path
    python_backend: Path
    stub: Path

    @classmethod
    def find(cls) -> TritonWheel:
        """Locate the wheel without importing it. Raises `TritonNotInstalled` when a part is missing."""
        spec = importlib.util.find_spec("pytriton")
        if spec is None or not spec.submodule_search_locations:
            raise TritonNotInstalled("nvidia-pytriton is not installed: pip install 'luce[local]'")
        package = Path(spec.submodule_search_locations[0])
        root = package / "tritonserver"
        wheel = cls(
            server=root / "bin" / "tritonserver",
            libraries=package.parent / "nvidia_pytriton.libs",
            python_backend=root / "backends" / "python",
            stub=root / "python_backend_stubs" / PYTHON_VERSION / "triton_python_backend_stub",
        )
        for part in (wheel.server, wheel.libraries, wheel.python_backend, wheel.stub):
            if not part.exists():
                raise TritonNotInstalled(f"nvidia-pytriton lacks {part.name} for Python {PYTHON_VERSION} ({part})")
        return wheel


def libpython_directory() -> Path:
    """The directory of libpython, which the stub of the Python backend links.

    Raises `TritonNotInstalled`, naming the system package, where this Python was built without a shared library.
    """
    variables = [sysconfig.get_config_var(name) for name in ("LIBDIR", "LIBPL")]
    multiarch = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
    system = [f"/usr/lib/{multiarch}", f"/lib/{multiarch}", "/usr/lib64", "/usr/lib", "/usr/local/lib"]
    for directory in [*variables, f"{sys.base_prefix}/lib", *system]:
        if directory and (Path(directory) / LIBPYTHON).exists():
            return Path(directory)
    raise TritonNotInstalled(
        f"{LIBPYTHON} was not found: on Debian or Ubuntu run `apt-get install libpython{PYTHON_VERSION}`; "
        "with pyenv rebuild Python with --enable-shared"
    )


def stub_packages() -> list[Path]:
    """Directories to put before site-packages on the Python path of the backends.

    Raises `TritonNotInstalled`, telling the command, where only a NumPy is installed that the stub cannot use.
    """
    if int(importlib.metadata.version("numpy").split(".")[0]) < 2:
        return []
    if not any(STUB_PACKAGES.glob("numpy-1.*.dist-info")):
        raise TritonNotInstalled(
            f"the backends of Triton need {STUB_NUMPY} beside the environment's own NumPy: "
            f"run `{sys.executable} -m pip install --no-deps --target {STUB_PACKAGES} {STUB_NUMPY}`"
        )
    return [STUB_PACKAGES]


def build_backend_directory(
    target: Path, backends: Sequence[str], source_root: Path, wheel: TritonWheel | None = None
) -> Path:
    """Put the Python backend of the wheel and doors to our python-based backends into `target`, and return it.

    The wheel's files are copied, because Triton refuses a library whose real path lies outside of the backend
    directory. The stub embeds an isolated Python: it knows neither our virtual environment nor `PYTHONPATH`, so each
    door sets the module path before anything else is imported.

    Args:
        target: folder to fill; it is created, and files in it are renewed.
        backends: names of modules `backends.<name>.model`; a name is the `backend` that a model configuration gives.
        source_root: folder that holds the packages `backends` and `luce`.
        wheel: the parts of the wheel; found when left out.
    """
    wheel = wheel or TritonWheel.find()
    python = target / "python"
    python.mkdir(parents=True, exist_ok=True)
    for part in (*wheel.python_backend.iterdir(), wheel.stub):
        if part.is_file():
            _replace(python / part.name, part)
    path = [str(entry) for entry in (*stub_packages(), source_root.resolve(), sysconfig.get_paths()["purelib"])]
    for name in backends:
        if not name.isidentifier() or not (source_root / "backends" / name / "model.py").is_file():
            raise FileNotFoundError(f"no python-based backend {name!r} under {source_root / 'backends'}")
        (target / name).mkdir(exist_ok=True)
        _replace(target / name / "model.py", DOOR.format(path=path, name=name))
    return target


def _replace(target: Path, content: Path | str) -> None:
    # Written aside and renamed: a server that runs from this folder keeps the file that it has open.
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    if isinstance(content, Path):
        shutil.copy2(content, aside)
    else:
        aside.write_text(content)
    aside.replace(target)


@dataclass(frozen=True, slots=True)
class TritonOptions:
    """What differs from one local Triton to the next.

    Attributes:
        model_repository: folder of models.
        state: folder for the backend directory; it is created.
        source_root: folder that holds the packages `backends` and `luce`.
        http_port: HTTP port (health, metadata).
        grpc_port: gRPC port (inference).
        metrics_port: Prometheus port.
        backends: our python-based backends to install beside the wheel's Python backend.
        models: names to load; None loads every model of the repository and fixes the set (control mode "none").
        threads: the one budget of compute threads that ONNX Runtime sessions take theirs from.
        exit_timeout_s: how long requests under way may go on after SIGTERM, in seconds.
        start_timeout_s: how long loading and warming may take, in seconds.
        verbose: log level of the server; 0 is quiet, 1 tells each request.
        extra_env: further environment for server and backends.
    """

    model_repository: Path
    state: Path
    source_root: Path
    http_port: int
    grpc_port: int
    metrics_port: int
    backends: Sequence[str] = ("onnxruntime", "diffusion", "autoregressive")
    models: Sequence[str] | None = None
    threads: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    exit_timeout_s: int = 20
    start_timeout_s: float = 90.0
    verbose: int = 0
    extra_env: Mapping[str, str] = field(default_factory=dict)


def triton_arguments(options: TritonOptions, server: Path, backend_directory: Path) -> list[str]:
    """The command line of the server."""
    arguments = [
        str(server),
        f"--model-repository={options.model_repository.resolve()}",
        f"--backend-directory={backend_directory.resolve()}",
        f"--http-address={LOOPBACK}",
        f"--http-port={options.http_port}",
        "--http-thread-count=2",
        f"--grpc-address={LOOPBACK}",
        f"--grpc-port={options.grpc_port}",
        "--grpc-infer-allocation-pool-size=16",
        "--grpc-keepalive-permit-without-calls=true",
        f"--metrics-address={LOOPBACK}",
        f"--metrics-port={options.metrics_port}",
        "--allow-gpu-metrics=false",
        "--strict-readiness=true",
        "--exit-on-error=true",
        "--disable-auto-complete-config",
        f"--exit-timeout-secs={options.exit_timeout_s}",
        f"--log-verbose={options.verbose}",
        "--log-format=ISO8601",
        # Regions of shared memory between server and backend process: they grow on demand.
        "--backend-config=python,shm-default-byte-size=1048576",
        "--backend-config=python,shm-growth-byte-size=1048576",
        f"--backend-config=python,stub-timeout-seconds={int(options.start_timeout_s)}",
        "--backend-config=default-max-batch-size=0",
    ]
    if options.models is None:
        return [*arguments, "--model-control-mode=none"]
    return [*arguments, "--model-control-mode=explicit", *(f"--load-model={name}" for name in options.models)]


def triton_environment(options: TritonOptions, libraries: Path) -> dict[str, str]:
    """The whole environment of server and backend processes."""
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "LD_LIBRARY_PATH": os.pathsep.join([str(libraries), str(libpython_directory())]),
        "LUCE_TRITON_THREADS": str(options.threads),
        # NumPy's own pools would come on top of the budget, one per backend process.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Two allocation arenas instead of eight per core: a dozen processes stay small.
        "MALLOC_ARENA_MAX": "2",
        **options.extra_env,
    }


def triton_process(options: TritonOptions, wheel: TritonWheel | None = None) -> ProcessSpec:
    """Prepare the state folder and describe the server process; it is ready when every model is loaded and warm."""
    wheel = wheel or TritonWheel.find()
    options.state.mkdir(parents=True, exist_ok=True)
    directory = build_backend_directory(options.state / "backends", options.backends, options.source_root, wheel)
    return ProcessSpec(
        name="triton",
        argv=triton_arguments(options, wheel.server, directory),
        env=triton_environment(options, wheel.libraries),
        cwd=options.state,
        ready=http_probe(f"http://{LOOPBACK}:{options.http_port}/v2/health/ready"),
        start_timeout_s=options.start_timeout_s,
        stop_timeout_s=options.exit_timeout_s + 5.0,
    )
