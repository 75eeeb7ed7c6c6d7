# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The build folder: virtual environments, copies of the tree, a clean environment, subprocesses that end."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
HOME = BUILD / "home"
LOGS = BUILD / "logs"
REQUIREMENTS = ROOT / "tools" / "requirements"
NAMESPACE, NAME = "vastai", "cloud"

_NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")
_PLAIN_COPY_SKIPS = {".ansible", ".build", ".git", ".mypy_cache", ".ruff_cache", ".venv", "__pycache__", "output"}
# pip's settings and downloads belong to the user, whatever HOME says; the rest of the home stays out of reach.
_PIP_FOLDERS = (".cache/pip", ".config/pip", ".pip", "Library/Application Support/pip", "Library/Caches/pip")
_running: set[subprocess.Popen[bytes]] = set()
_running_lock = threading.Lock()
_stopping = threading.Event()


class ToolError(Exception):
    """Something the person at the terminal has to know; the text is the whole message."""


def _become_newer_python() -> None:
    for name in _NEWER_PYTHONS:
        path = shutil.which(name)
        # A pyenv shim is found on PATH even when no interpreter stands behind it.
        if path and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0:
            os.execv(path, [path, *sys.argv])  # noqa: S606
    found = sys.version.split()[0]
    raise SystemExit(f"Python 3.11 or newer is needed; this is {found}. With another: make PYTHON=/path/to/python3")


# Before the other tools are imported, which an old Python cannot. It has to parse this file and those before it:
# no parenthesized `with`, no `match`.
if sys.version_info < (3, 11):
    _become_newer_python()


@dataclass(frozen=True)
class Interpreter:
    """A Python that can make virtual environments."""

    version: str
    path: str


def this_interpreter() -> Interpreter:
    return Interpreter(f"{sys.version_info[0]}.{sys.version_info[1]}", sys.executable)


def find_interpreter(versions: Sequence[str]) -> Interpreter | None:
    """The first of these Pythons that is found, be it the one that runs this or one on PATH."""
    here = this_interpreter()
    for version in versions:
        if version == here.version:
            return here
        path = shutil.which(f"python{version}", path=path_without_shims(os.environ.get("PATH", os.defpath)))
        if path and _makes_environments(path):
            return Interpreter(version, path)
    return None


def _makes_environments(python: str) -> bool:
    """Not so a shim without an interpreter behind it, nor a Debian package without its -venv."""
    command = [python, "-c", "import ensurepip, venv"]
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep two runs in one checkout from changing the build folder under each other."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another run in this checkout to end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def clean_environment(*, home: Path = HOME, **extra: str) -> dict[str, str]:
    """The caller's environment without accounts, Ansible settings, shims or a way to the real home."""
    dropped = ("ANSIBLE_", "ANTSIBULL_", "COVERAGE_", "GALAXY_", "MYPY", "PYTEST_", "VASTAI_", "VAST_", "XDG_")
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"}
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped) and name not in unwanted}
    _prepare_home(home)
    env.update(HOME=str(home), PATH=path_without_shims(os.environ.get("PATH", os.defpath)), LC_ALL="C.UTF-8")
    env.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONUNBUFFERED="1")
    if not sys.stdout.isatty():
        env.update(ANSIBLE_NOCOLOR="1", NO_COLOR="1")
    env.update(extra)
    return env


def _prepare_home(home: Path) -> None:
    user_home = Path.home()
    home.mkdir(parents=True, exist_ok=True)
    for folder in _PIP_FOLDERS:
        link = home / folder
        if (user_home / folder).is_dir() and not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                link.symlink_to(user_home / folder)


def path_without_shims(path: str) -> str:
    """Put the interpreters behind pyenv's shims on PATH instead of the shims.

    A shim exists for every version ever installed and fails when that version is not selected.
    """
    folders: list[str] = []
    for entry in path.split(os.pathsep):
        if Path(entry).name == "shims" and "pyenv" in entry:
            folders += map(str, _newest_first(Path(entry).parent.glob("versions/*/bin")))
        else:
            folders.append(entry)
    return os.pathsep.join(dict.fromkeys(folders))


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    def version(folder: Path) -> list[int]:
        return [int(part) for part in folder.parent.name.split(".") if part.isdigit()]

    return sorted(folders, key=version, reverse=True)


class Venv:
    """A virtual environment below the build folder, made once for each content of its requirement files."""

    def __init__(self, name: str, interpreter: Interpreter | None = None) -> None:
        self.name = name
        self.interpreter = interpreter or this_interpreter()
        self.requirements = REQUIREMENTS / f"{name}.txt"
        self.folder = BUILD / "venv" / f"{name}-{self.interpreter.version}"
        self.bin = self.folder / "bin"
        self.python = self.bin / "python"
        self._making = threading.Lock()

    def ensure(self, log: Path) -> None:
        with self._making:
            stamp = self.folder / "stamp"
            wanted = self._fingerprint()
            if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
                self._make(log)
                stamp.write_text(wanted, encoding="utf-8")

    def _make(self, log: Path) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        python = self.interpreter.path
        if run([python, "-m", "venv", str(self.folder)], env=clean_environment(), log=log, timeout=120):
            raise ToolError(
                f"{python} could not make a virtual environment (see {log}). "
                "On Debian and Ubuntu: apt install python3-venv."
            )
        if self.install("-r", str(self.requirements), log=log):
            raise ToolError(f"pip could not install {self.requirements.relative_to(ROOT)} (see {log}).\n{excerpt(log)}")

    def install(self, *arguments: str, log: Path) -> int:
        # Compiling all that is installed costs more than compiling what is used.
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--no-compile", *arguments]
        return run(pip, env=clean_environment(), log=log, timeout=900)

    def download(self, package: str, folder: Path, *, log: Path) -> int:
        pip = [str(self.python), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
        return run(pip, env=clean_environment(), log=log, timeout=300)

    def environment(self, *, home: Path = HOME, **extra: str) -> dict[str, str]:
        env = clean_environment(home=home, **extra)
        env["PATH"] = os.pathsep.join([str(self.bin), env["PATH"]])
        return env

    def _fingerprint(self) -> str:
        parts = [os.path.realpath(self.interpreter.path), str(self.folder), *_requirement_texts(self.requirements)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def venv_log(venv: Venv) -> Path:
    """Where the making of an environment is told, apart from what runs in it."""
    return LOGS / f"venv-{venv.folder.name}.log"


def _requirement_texts(file: Path) -> Iterator[str]:
    """A requirement file and those that it includes."""
    text = file.read_text(encoding="utf-8")
    yield text
    for line in text.splitlines():
        if line.startswith("-r "):
            yield from _requirement_texts(file.parent / line[3:].strip())


class Tree:
    """A copy of the collection at a path that ansible-test accepts."""

    def __init__(self, lane: str) -> None:
        self.collections = BUILD / lane
        self.root = self.collections / "ansible_collections" / NAMESPACE / NAME
        self._manifest = self.collections / "manifest.json"

    def sync(self) -> str:
        """Bring the copy up to date, leave what tests put there, and return a digest of all the content."""
        files = tree_files()
        for gone in self._copied_before() - set(files):
            (self.root / gone).unlink(missing_ok=True)
        digest = hashlib.sha256()
        for name in files:
            content = (ROOT / name).read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
            _write_if_changed(self.root / name, content, (ROOT / name).stat().st_mode & 0o777)
        self._manifest.write_text(json.dumps(files), encoding="utf-8")
        self._make_repository()
        return digest.hexdigest()

    def _copied_before(self) -> set[str]:
        if not self._manifest.is_file():
            return set()
        return set(json.loads(self._manifest.read_text(encoding="utf-8")))

    def _make_repository(self) -> None:
        # Below a checkout that ignores the build folder, ansible-test and ruff would find nothing to look at.
        if not (self.root / ".git").exists() and shutil.which("git"):
            subprocess.run(["git", "init", "--quiet", str(self.root)], check=True, env=clean_environment(), timeout=60)


def _write_if_changed(target: Path, content: bytes, mode: int) -> None:
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(mode)


def tree_files() -> list[str]:
    """Every file that is or could be committed, relative to the checkout."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        result = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, timeout=60)
        names = result.stdout.decode().split("\0")
        return sorted(name for name in set(names) if name and (ROOT / name).is_file())
    return sorted(_files_below(ROOT))


def _files_below(top: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in _PLAIN_COPY_SKIPS]
        for name in names:
            yield str((Path(folder) / name).relative_to(top))


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    cwd: Path = ROOT,
    log: Path | None = None,
) -> int:
    """Run a command to its end, or kill it and all it started; output goes to the terminal or is added to the log."""
    with contextlib.ExitStack() as stack:
        output = None
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            output = stack.enter_context(log.open("ab"))
            output.write(f"$ {' '.join(command)}\n".encode())
            output.flush()
        process = stack.enter_context(started(command, env=env, cwd=cwd, stdout=output))
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            message = f"stopped after {timeout:.0f} seconds: {' '.join(command)}\n"
            if output:
                output.write(message.encode())
            else:
                sys.stderr.write(message)
            return 124


@contextlib.contextmanager
def started(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path = ROOT,
    stdout: IO[bytes] | int | None = None,
    stderr: IO[bytes] | int | None = subprocess.STDOUT,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own that does not outlive the block."""
    if _stopping.is_set():
        raise ToolError("interrupted")
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
    )
    with _running_lock:
        _running.add(process)
    try:
        yield process
    finally:
        end(process)
        with _running_lock:
            _running.discard(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group of a process to stop, and insist after a moment."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


def end_all() -> None:
    """Stop everything that runs, and let nothing new start."""
    _stopping.set()
    with _running_lock:
        processes = list(_running)
    for process in processes:
        end(process)


def interrupt_on_sigterm() -> None:
    """Let a polite kill run the same clean-up as Ctrl-C."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def excerpt(log: Path, lines: int = 60) -> str:
    """What went wrong, as far as the log marks it, or else how the log ends."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    marked = [line for line in text if line.startswith(("ERROR:", "FATAL:"))]
    return "\n".join((marked if len(marked) > 1 else text)[-lines:])
