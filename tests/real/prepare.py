"""Builds and installs what the tests of this folder need and PyPI's wheels do not offer.

Run it as often as you like: whatever is there already is left alone. See README.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CACHE = Path(os.environ.get("ROUTER_SERVICE_CACHE") or Path.home() / ".cache" / "router-service")
WHEELS = CACHE / "wheels"
LLAMA_VENV = CACHE / "llama-venv"
LLAMA_PYTHON = LLAMA_VENV / "bin" / "python"

LLAMA_VERSION = "0.3.36"
LITELLM_VENV = CACHE / "litellm-venv"
LITELLM_PYTHON = LITELLM_VENV / "bin" / "python"
LITELLM_VERSION = "1.110.2"
GO_TOOLS = {
    "ghz": ("github.com/bojand/ghz/cmd/ghz", "v0.93.0"),
    "grpcurl": ("github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.4"),
    # Current versions need C++ headers from a vendor folder, and Go's module archives drop those.
    "ollama": ("github.com/ollama/ollama", "v0.6.8"),
}
"""Name of the program → Go package and version."""

PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")

BUILD_TIMEOUT_S = 1800
INSTALL_TIMEOUT_S = 600
CHECK_TIMEOUT_S = 60


class NotPrepared(Exception):
    """A step failed; the message says which and what to do."""


def tool(name: str) -> Path:
    """Where this version of a Go program is kept; whether it is there is another matter."""
    return CACHE / "bin" / f"{name}-{GO_TOOLS[name][1]}" / name


def main() -> int:
    try:
        prepare_llama()
        prepare_litellm()
        for name in GO_TOOLS:
            prepare_tool(name)
    except NotPrepared as error:
        say(f"failed: {error}")
        return 1
    return 0


def prepare_llama() -> None:
    """llama-cpp-python with its server, in an environment of its own.

    Its web framework and its pydantic never meet the router's.
    """
    if llama_is_installed():
        say(f"llama-cpp-python {LLAMA_VERSION}: there")
        return
    wheel = built_wheel() or build_wheel()
    say(f"llama-cpp-python {LLAMA_VERSION}: installing into {LLAMA_VENV}")
    run([sys.executable, "-m", "venv", "--clear", str(LLAMA_VENV)], INSTALL_TIMEOUT_S)
    run([str(LLAMA_PYTHON), *PIP, "install", f"{wheel}[server]"], INSTALL_TIMEOUT_S)
    if not llama_is_installed():
        raise NotPrepared(f"{LLAMA_VENV} cannot import its server; remove {wheel} and try again")


def llama_is_installed() -> bool:
    check = "import llama_cpp, llama_cpp.server.app; print(llama_cpp.__version__)"
    return prints(LLAMA_PYTHON, check, LLAMA_VERSION)


def prepare_litellm() -> None:
    """litellm, in an environment of its own: it pins versions of what the router uses too."""
    if litellm_is_installed():
        say(f"litellm {LITELLM_VERSION}: there")
        return
    say(f"litellm {LITELLM_VERSION}: installing into {LITELLM_VENV}")
    run([sys.executable, "-m", "venv", "--clear", str(LITELLM_VENV)], INSTALL_TIMEOUT_S)
    packages = [f"litellm=={LITELLM_VERSION}", "pyyaml"]
    run([str(LITELLM_PYTHON), *PIP, "install", *packages], INSTALL_TIMEOUT_S)
    if not litellm_is_installed():
        raise NotPrepared(f"{LITELLM_VENV} cannot import litellm; remove it and try again")


def litellm_is_installed() -> bool:
    check = "import litellm, yaml, importlib.metadata as m; print(m.version('litellm'))"
    return prints(LITELLM_PYTHON, check, LITELLM_VERSION)


def prints(python: Path, code: str, expected: str) -> bool:
    """Whether an environment runs a line of Python and it prints this."""
    try:
        found = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, timeout=CHECK_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0 and found.stdout.strip() == expected


def built_wheel() -> Path | None:
    return next(WHEELS.glob(f"llama_cpp_python-{LLAMA_VERSION}-*.whl"), None)


def build_wheel() -> Path:
    say(f"llama-cpp-python {LLAMA_VERSION}: building from source, about six minutes on two cores")
    WHEELS.mkdir(parents=True, exist_ok=True)
    requirement = f"llama-cpp-python=={LLAMA_VERSION}"
    # pip's own cache would hand out a wheel built with other flags.
    options = ["--no-deps", "--no-cache-dir", "--wheel-dir", str(WHEELS)]
    # A wheel cache may move to a machine with another processor; nobody looks at pictures here.
    flags = {"CMAKE_ARGS": "-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF"}
    run([sys.executable, *PIP, "wheel", requirement, *options], BUILD_TIMEOUT_S, flags)
    wheel = built_wheel()
    if wheel is None:
        raise NotPrepared(f"pip built no wheel of {requirement} in {WHEELS}")
    return wheel


def prepare_tool(name: str) -> None:
    """A Go program; without Go its tests are skipped, or fail where CI is set."""
    package, version = GO_TOOLS[name]
    if tool(name).exists():
        say(f"{name} {version}: there")
    elif shutil.which("go") is None:
        say(f"{name} {version}: not installed, because Go is missing (https://go.dev/dl)")
    else:
        say(f"{name} {version}: installing with Go; for Ollama that takes minutes")
        folder = str(tool(name).parent)
        # Without -g the C++ inside Ollama compiles faster.
        flags = {"CGO_CFLAGS": "-O2", "CGO_CXXFLAGS": "-O2"}
        run(["go", "install", f"{package}@{version}"], BUILD_TIMEOUT_S, {"GOBIN": folder} | flags)


def run(command: Sequence[str], timeout_s: float, extra: Mapping[str, str] | None = None) -> None:
    """Run to the end, output shown. Raises NotPrepared."""
    began = time.monotonic()
    try:
        subprocess.run(command, check=True, timeout=timeout_s, env={**os.environ, **(extra or {})})
    except subprocess.CalledProcessError as error:
        raise NotPrepared(f"{' '.join(command)} ended with {error.returncode}") from None
    except subprocess.TimeoutExpired:
        raise NotPrepared(f"{' '.join(command)} took longer than {timeout_s:g} s") from None
    say(f"  took {time.monotonic() - began:.0f} s")


def say(text: str) -> None:
    print(f"prepare: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
