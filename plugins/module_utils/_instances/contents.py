# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What an instance runs: image, environment, ports, scripts; how that is sent, and where an instance differs. Pure."""

from __future__ import annotations

import base64
import collections.abc as c
import gzip
import typing as t

from .._api.errors import Invalid
from .._core.container import checked_port, checked_variables, normal_port
from .instance import Instance

MAX_ONSTART = 4048
"""The API's limit on the start script, in characters (F3.5)."""
DISK_MARGIN = 0.99
"""A disk may be told as a little less than what was asked for."""
LEAST_SECRET = 4
"""A shorter secret would be masked wherever these few characters stand, in anything a task says."""


class Drift(t.NamedTuple):
    """In what an instance differs: the options, and how results call them, of an environment by each variable."""

    options: list[str]
    names: list[str]


class Contents(t.NamedTuple):
    """What was asked for; None for what is left to the template, to Vast.ai, or as it is."""

    image: str | None = None
    template_hash_id: str | None = None
    runtype: str | None = None
    env: t.Mapping[str, str] | None = None
    secret_env: t.Mapping[str, str] | None = None
    ports: tuple[str, ...] | None = None
    onstart: str | None = None
    args: tuple[str, ...] | None = None
    image_login: str | None = None

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Contents:
        """Raises Invalid for what cannot be sent, or would not be what was meant."""
        env, secret = (checked_variables(options.get(option), option) for option in ("env", "secret_env"))
        if both := sorted(set(env or ()) & set(secret or ())):
            raise Invalid(f"{', '.join(both)} is in both env and secret_env; set it in only one of them.")
        if short := sorted(name for name, value in (secret or {}).items() if len(value) < LEAST_SECRET):
            raise Invalid(
                f"secret_env: {', '.join(short)} has fewer than {LEAST_SECRET} characters. Masking such a short "
                "value would also mask unrelated text; put it in env."
            )
        for option in ("image", "template_hash_id", "image_login"):
            if options.get(option) is not None and not options[option].strip():
                raise Invalid(f"{option} must not be empty; omit it instead.")
        ports, args = options.get("ports"), options.get("args")
        if args is not None and options.get("runtype") not in (None, "args"):
            raise Invalid(f"args requires runtype=args, not runtype={options['runtype']}.")
        return cls(
            options.get("image"),
            options.get("template_hash_id"),
            options.get("runtype"),
            env,
            secret,
            None if ports is None else tuple(checked_port(each) for each in ports),
            _packed(options.get("onstart")),
            None if args is None else tuple(args),
            options.get("image_login"),
        )

    @property
    def flags(self) -> dict[str, str]:
        """Environment and ports in the one form that the API has for both (F3.5)."""
        flags = {**(self.env or {}), **(self.secret_env or {})}
        return {**flags, **{f"-p {port}": "1" for port in self.ports or ()}}

    def create_body(self) -> dict[str, t.Any]:
        """What a create sends of it."""
        body: dict[str, t.Any] = {
            "image": self.image,
            "template_hash_id": self.template_hash_id,
            "runtype": self.runtype or (None if self.template_hash_id else "ssh_direct"),
            "env": self.flags or None,
            "onstart": self.onstart,
            "args": None if self.args is None else list(self.args),
            "image_login": self.image_login,
        }
        return {name: value for name, value in body.items() if value is not None}

    def update_body(self, current: Instance, drift: c.Collection[str]) -> dict[str, t.Any]:
        """What changes the stored values that differ; the environment is sent whole, since it is replaced."""
        body: dict[str, t.Any] = {}
        if "image" in drift:
            body["image"] = self.image
        if "template_hash_id" in drift:
            body["template_hash_id"] = self.template_hash_id
        if {"env", "secret_env", "ports"} & set(drift):
            body["env"] = {**stored_flags(current), **self.flags}
        if "onstart" in drift:
            body["onstart"] = self.onstart
        if "args" in drift:
            body["args"] = list(self.args or ())
        return body

    def drift(self, current: Instance) -> list[str]:
        """The options in which an instance differs; what is named must be there, the rest may be anybody's."""
        flags = stored_flags(current)
        row = current.row
        differs = {
            "image": self.image is not None and full_image(self.image) != full_image(current.text("image_uuid") or ""),
            "template_hash_id": self.template_hash_id not in (None, current.text("template_hash_id")),
            "runtype": self.runtype is not None and _kind(self.runtype) != _kind(current.text("image_runtype") or ""),
            "env": _lacks(flags, self.env),
            "secret_env": _lacks(flags, self.secret_env),
            "ports": any(port not in _published(flags) for port in self.ports or ()),
            "onstart": self.onstart is not None and self.onstart.strip() != (current.text("onstart") or ""),
            "args": self.args is not None and list(self.args) != [str(each) for each in row.get("image_args") or ()],
        }
        return [option for option, is_different in differs.items() if is_different]

    def drifting_names(self, current: Instance) -> list[str]:
        """The variables that differ, by name only."""
        flags = stored_flags(current)
        wanted = {**(self.env or {}), **(self.secret_env or {})}
        return sorted(name for name, value in wanted.items() if flags.get(name) != value)


def stored_flags(instance: Instance) -> dict[str, str]:
    """The environment as it is stored: pairs, an object, or `NAME=value` texts (F3.3)."""
    stored = instance.row.get("extra_env")
    if isinstance(stored, dict):
        return {str(name): str(value) for name, value in stored.items()}
    found: dict[str, str] = {}
    for entry in stored if isinstance(stored, list) else ():
        if isinstance(entry, (list, tuple)) and len(entry) == 2:
            found[str(entry[0])] = str(entry[1])
        elif isinstance(entry, str):
            name, _sign, value = entry.partition("=")
            found[name] = value
    return found


def full_image(name: str) -> str:
    """An image by its full name: `alpine` is `docker.io/library/alpine:latest`."""
    name = name.strip()
    first, slash, _rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name if slash else f'library/{name}'}"
    last = name.rpartition("/")[2]
    return name if ":" in last or "@" in last else f"{name}:latest"


def _kind(runtype: str) -> tuple[bool, bool, bool]:
    """Jupyter, direct, args: the API stores tokens without their last letter (F3.5)."""
    return "jupyter" in runtype, "direc" in runtype, runtype.strip() == "args"


def _lacks(flags: t.Mapping[str, str], wanted: t.Mapping[str, str] | None) -> bool:
    return any(flags.get(name) != value for name, value in (wanted or {}).items())


def _published(flags: t.Mapping[str, str]) -> set[str | None]:
    return {normal_port(flag[3:]) for flag in flags if flag.startswith("-p ")}


def _packed(script: str | None) -> str | None:
    """A script that is too long is sent packed, and unpacks itself."""
    if script is None or len(script) <= MAX_ONSTART:
        return script
    text = base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()
    packed = f"echo {text} | base64 -d | gunzip | bash"
    if len(packed) > MAX_ONSTART:
        raise Invalid(
            f"onstart has {len(script)} characters, and {len(packed)} when compressed; Vast.ai allows {MAX_ONSTART}. "
            "Put the script into the image, or let a short script download it."
        )
    return packed
