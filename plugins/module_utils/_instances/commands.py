# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The constrained remote commands on the disk of a stopped instance (F3.10). Knows nothing of Ansible."""

from __future__ import annotations

import contextlib
import re
import shlex
import typing as t
import urllib.parse

from .._api.client import Client, Route
from .._api.clock import rounds
from .._api.downloads import fetch_result
from .._api.errors import Invalid, ProtocolError, ServerError, UnknownOutcome, VastError, WaitTimeout
from .._core.arguments import check_number, shortened
from .._core.plan import Change, Plan
from .instance import Instance

COMMAND = Route("PUT", "/api/v0/instances/command/{id}/", 1.5)
LOOK = COMMAND._replace(reads=True)
"""The same for a command that only looks: it may be sent in check mode, and again after a lost reply."""
MAX_COMMAND = 512
"""The API's limit on a command, in characters (published execute)."""
FIRST_LOOK = 0.5
"""Seconds before the first look at a result, which takes a few to be written."""
LOOK_INTERVAL = 1.0
MAX_RESULT_TIMEOUT = 86_400
"""Seconds; a day, the longest that an output may be waited for."""
RUNS = ("ls", "rm", "du")
READ_ONLY = ("ls", "du")
SHELL_OPERATORS = frozenset(";&|<>`$()\n\r")


class Wanted(t.NamedTuple):
    """What a task asks for: a command, the paths that make it needless, and seconds to wait for each output."""

    command: str
    creates: str | None
    removes: str | None
    timeout: float

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Wanted:
        """The options of the module. Raises Invalid for a command or path that cannot be sent.

        The line ends after a command are those of a YAML block (`command: |`), and are left out.
        """
        command = options["command"].rstrip("\r\n")
        if not command.strip():
            raise Invalid("command must not be empty.")
        check_number(options["result_timeout"], "result_timeout", 1, MAX_RESULT_TIMEOUT)
        wanted = cls(command, options["creates"], options["removes"], options["result_timeout"])
        _check_length("command", command)
        for option, path in (("creates", wanted.creates), ("removes", wanted.removes)):
            if path is not None:
                _check_path(option, path)
        return wanted


class Output(t.NamedTuple):
    """What a command printed, with the container's paths, and where that is kept if the address may be shown."""

    text: str
    public_url: str | None = None


def is_read_only(command: str) -> bool:
    """Whether a command can only look: `ls` or `du` and nothing a shell could make more of."""
    words = command.split()
    return bool(words) and words[0] in READ_ONLY and not SHELL_OPERATORS & set(command)


def is_known(command: str) -> bool:
    """Whether it is one of the commands that Vast.ai is known to run (F3.10), and no more than one."""
    return command.split()[0] in RUNS and SHELL_OPERATORS.isdisjoint(command)


def plan_command(instance: Instance, command: str) -> Plan:
    """A command that may write counts as a change, whatever it does. Pure."""
    if is_read_only(command):
        return Plan(instance.display_name)
    return Plan(
        instance.display_name, (Change("command", None, command, f"run {command!r} on {instance.display_name}"),)
    )


def run_command(client: Client, instance: Instance, command: str, timeout: float) -> Output:
    """Run a command once and wait up to `timeout` seconds for what it prints.

    Raises Invalid with the instance's ssh coordinates when it is not stopped (the server decides that), WaitTimeout
    when the result does not come, and UnknownOutcome when the reply was lost: a command is never sent twice. Each has
    the instance, and whether the command may have changed something.
    """
    if is_read_only(command):
        return _run(client, instance, command, timeout, changed=False)
    # What a command that only looks does not need.
    from .._core.interrupts import TaskInterrupted, failing_at_signals

    try:
        with failing_at_signals():
            return _run(client, instance, command, timeout, changed=True)
    except TaskInterrupted as error:
        raise error.with_context(
            f"{error.msg} The command {command!r} on {instance.display_name} may have run.",
            changed=True,
            instance=instance.result(),
        ) from error


def _run(client: Client, instance: Instance, command: str, timeout: float, *, changed: bool) -> Output:
    try:
        reply = client.call(COMMAND if changed else LOOK, ids={"id": instance.id}, body={"command": command})
    except Invalid as error:
        raise _explained(instance, command, error) from error
    except VastError as error:
        doubt = changed and isinstance(error, (UnknownOutcome, ServerError))
        msg = f"{error.msg} It was not sent again." if doubt else error.msg
        raise error.with_context(msg, changed=doubt, instance=instance.result()) from error
    result_url = _address(reply.get("result_url"))
    if result_url is None:
        raise ProtocolError(
            f"The API accepted {command!r} for {instance.display_name} but named no result_url. It may have run.",
            client.answered(COMMAND, {"id": instance.id}),
            changed=changed,
            instance=instance.result(),
        )
    try:
        text = _fetched(client, instance, command, result_url, timeout)
    except VastError as error:
        raise error.with_context(
            f"{error.msg} The command itself was accepted and may have run.",
            changed=changed,
            instance=instance.result(),
        ) from error
    parts = urllib.parse.urlsplit(result_url)
    public = not parts.query and parts.username is None
    return Output(_trimmed(text, reply.get("writeable_path")), result_url if public else None)


def path_exists(client: Client, instance: Instance, path: str, timeout: float) -> bool:
    """Whether a path is on the disk, asked with `ls`; the API gives no exit status, so the text decides.

    Raises ProtocolError when the text says neither.
    """
    text = run_command(client, instance, existence_command(path), timeout).text.strip()
    plain = path.rstrip("/")
    if text.rstrip("/") == plain:
        return True
    # ls of GNU and of busybox, with and without quotes.
    about = rf"ls: (?:cannot access )?(['\"\u2018]?){re.escape(plain)}/*['\"\u2019]?: no such file or directory"
    if re.fullmatch(about, text, re.IGNORECASE):
        return False
    raise ProtocolError(
        f"ls on {instance.display_name} does not show whether {path} exists: {text[:200]!r}.",
        instance=instance.result(),
    )


def skip_reason(client: Client, instance: Instance, wanted: Wanted) -> str | None:
    """Why the command need not run, by the paths that it creates and removes; None when it has to."""
    for path, when in ((wanted.creates, True), (wanted.removes, False)):
        if path is not None and path_exists(client, instance, path, wanted.timeout) is when:
            return f"Skipped: {path} {'exists' if when else 'does not exist'}."
    return None


def _check_path(option: str, path: str) -> None:
    if not path.startswith("/") or not path.isprintable():
        raise Invalid(f"{option} must be an absolute path without control characters, not {shortened(path)}.")
    if not is_read_only(existence_command(path)):
        operators = "".join(sorted(SHELL_OPERATORS & set(path)))
        raise Invalid(f"{option} must not contain {operators}, which a shell could interpret.")
    _check_length(option, existence_command(path))


def _check_length(option: str, sent: str) -> None:
    if len(sent) > MAX_COMMAND:
        raise Invalid(f"{option} makes a command of {len(sent)} characters; Vast.ai allows {MAX_COMMAND}.")


def existence_command(path: str) -> str:
    """The command that asks for one path, and for a folder itself rather than what it holds."""
    return f"ls -d {shlex.quote(path)}"


def _explained(instance: Instance, command: str, error: Invalid) -> VastError:
    text = error.msg.lower()
    if "stopped instances" in text or "use ssh" in text:
        ssh = instance.ssh()
        where = "its address is not known yet"
        if ssh:
            where = f"ssh -p {ssh['port']} {ssh['user']}@{ssh['host']} ({ssh['via']})"
        return error.with_context(
            f"{instance.display_name} is not stopped ({instance.described}), and Vast.ai runs commands on stopped "
            f"instances only. Use ssh: {where}. The API said: {error.msg}",
            instance=instance.result(),
        )
    if "invalid command" in text:
        return error.with_context(
            f"Vast.ai does not run {command!r} on {instance.display_name}: only ls, rm and du are known to be allowed, "
            f"with one path for ls. The API said: {error.msg}",
            instance=instance.result(),
        )
    return error.with_context(error.msg, instance=instance.result())


def _fetched(client: Client, instance: Instance, command: str, result_url: str, timeout: float) -> str:
    for _elapsed in rounds(client.clock, first=FIRST_LOOK, interval=LOOK_INTERVAL, timeout=timeout):
        text = fetch_result(client, result_url)
        if text is not None:
            return text
    raise WaitTimeout(
        f"The result of {command!r} on {instance.display_name} did not come within result_timeout ({timeout:g} s)."
    )


def _address(value: t.Any) -> str | None:
    """The value if it can be the address of a file."""
    with contextlib.suppress(ValueError):
        if isinstance(value, str) and urllib.parse.urlsplit(value).path:
            return value
    return None


def _trimmed(text: str, writeable_path: t.Any) -> str:
    """The text with the container's paths: the host's prefix is taken out everywhere, as the official client did."""
    prefix = writeable_path.rstrip("/") if isinstance(writeable_path, str) else ""
    return text.replace(prefix, "") if prefix else text
