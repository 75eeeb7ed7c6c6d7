# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Templates of the account: what is asked for as the API has it, compared field by field, and how it is written."""

from __future__ import annotations

import collections.abc as c
import json
import re
import shlex
import typing as t

from .._api.client import Client, Route, malformed
from .._api.clock import Deadline
from .._api.errors import Invalid, NotFound, ProtocolError
from .._core.arguments import check_number
from .._core.container import checked_port, checked_variables, normal_port
from .._core.crud import Crud, Entry, Move, bring, plan_presence, to_bring
from .._core.kind import Write
from .._core.plan import Change
from .._core.resource import Ref
from .._core.rows import Row, checked_rows, is_id
from .._core.user import USER, user_row

LIST = Route("GET", "/api/v0/template/", 3.0)
CREATE = Route("POST", "/api/v0/template/", 3.0)
UPDATE = Route("PUT", "/api/v0/template/", 3.0)
DELETE = Route("DELETE", "/api/v0/template/", 3.0)

MARKER = "Kept by vastai.cloud for user {id}."
"""The last line of `desc`: the API gives another account's template to whoever asks for the same contents (F6.3)."""
_MARKER = r"Kept by vastai\.cloud for user \d+\.\Z"
MAX_PAGES = 40
"""So many pages of a search are read. The reference knows no pages, a newer form of the route does (F6.3)."""
MOST_DISK = 1_000_000
"""GB; no machine has as much."""
EMPTY_TEXT = r"no templates? found"
STALE_TEXT = r"none found for given hash|invalid_template|hash.{0,40}(mismatch|stale|not match)"
RUNTYPES: t.Mapping[str, tuple[str, bool, bool, bool]] = {
    "args": ("args", False, False, False),
    "ssh": ("ssh", True, False, False),
    "ssh_proxy": ("ssh", True, False, False),
    "ssh_direct": ("ssh", True, True, False),
    "jupyter": ("jupyter", True, False, False),
    "jupyter_proxy": ("jupyter", True, False, False),
    "jupyter_direct": ("jupyter", True, True, True),
}
"""What the template API calls each: `runtype`, `use_ssh`, `ssh_direct`, `jup_direct` (F6.3)."""
SECRET = frozenset(("env", "onstart", "args_str", "docker_login"))
"""Fields that may hold secrets, so that no diff shows them."""
SHOWN = (
    "hash_id",
    "name",
    "image",
    "tag",
    "runtype",
    "ssh_direct",
    "jup_direct",
    "recommended_disk_space",
    "private",
    "creator_id",
    "created_at",
    "count_created",
)


class Flags(t.NamedTuple):
    """Docker's flags in a template's `env`: variables, ports, and all others as they stand."""

    variables: dict[str, str]
    ports: frozenset[str]
    others: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Flags:
        """From the text that the API has; what cannot be read as a shell would counts as one other flag."""
        try:
            words = shlex.split(text)
        except ValueError:
            return cls({}, frozenset(), (text,))
        variables, ports, others = {}, set(), []
        while words:
            word = words.pop(0)
            flag, value = (word[:2], word[2:]) if re.match(r"-[ep].", word) else (word, "")
            if flag in ("-e", "--env", "-p", "--publish"):
                value = value or (words.pop(0) if words else "")
                if flag in ("-p", "--publish"):
                    ports.add(normal_port(value) or value)
                else:
                    name, _sign, content = value.partition("=")
                    variables[name] = content
            else:
                others.append(word)
        return cls(variables, frozenset(ports), tuple(others))

    @property
    def text(self) -> str:
        """The same as the API takes it."""
        parts = [f"-e {name}={shlex.quote(value)}" for name, value in self.variables.items()]
        parts += [f"-p {port}" for port in sorted(self.ports)]
        return " ".join([*parts, *map(shlex.quote, self.others)])


def wanted_fields(options: t.Mapping[str, t.Any], extra_filters: Row | None) -> dict[str, t.Any]:
    """What the task asks for, under the API's names; only what is given. Raises Invalid for what cannot be."""
    fields: dict[str, t.Any] = {}
    if options["image"] is not None:
        image, tag = _image(options["image"], options["tag"])
        fields |= {"image": image} | ({} if tag is None else {"tag": tag})
    elif options["tag"] is not None:
        fields["tag"] = options["tag"]
    if options["runtype"] is not None:
        names = ("runtype", "use_ssh", "ssh_direct", "jup_direct")
        fields |= dict(zip(names, RUNTYPES[options["runtype"]], strict=True))
    if options["env"] is not None:
        fields["env"] = checked_variables(options["env"], "env")
    if options["ports"] is not None:
        fields["ports"] = sorted({checked_port(each) for each in options["ports"]})
    if options["args"] is not None:
        fields["args_str"] = shlex.join(options["args"])
    if options["docker_login"] is not None:
        fields["docker_login"] = dict(options["docker_login"])
    if options["disk"] is not None:
        check_number(options["disk"], "disk", 1, MOST_DISK)
    for option, field in (("disk", "recommended_disk_space"), ("desc", "desc")):
        if options[option] is not None:
            fields[field] = options[option]
    fields |= {name: options[name] for name in ("onstart", "readme", "private") if options[name] is not None}
    return fields | ({} if extra_filters is None else {"extra_filters": dict(extra_filters)})


def _image(image: str, tag: str | None) -> tuple[str, str | None]:
    """Image and tag apart. Raises Invalid for two tags that differ."""
    name, colon, own = image.strip().rpartition(":")
    if not name or "/" in own or "@" in image:
        name, colon, own = image.strip(), "", ""
    if not name:
        raise Invalid("image must not be empty; omit it instead.")
    if colon and tag not in (None, own):
        raise Invalid(f"image has the tag {own} and tag is {tag}; give it once.")
    return name, own if colon else tag


class Templates(Crud):
    """The own templates of one name; the newest counts."""

    noun = "template"

    def __init__(self, name: str, user_id: int, fields: t.Mapping[str, t.Any]) -> None:
        self.name = name
        self.fields = fields
        self.marker = MARKER.format(id=user_id)
        self.user_id = user_id

    def own(self, client: Client) -> list[Row]:
        """All own templates of the name, the newest first."""
        filters = {"name": {"eq": self.name}, "creator_id": {"eq": self.user_id}}
        # A filter that the API ignores must not bring in somebody else's template.
        rows = [row for row in read(client, filters) if row.get("creator_id") == self.user_id]
        return sorted((row for row in rows if row.get("name") == self.name), key=lambda row: -int(row["id"]))

    def read(self, client: Client, items: c.Sequence[Move]) -> dict[Ref, Entry]:
        """What is deleted by its id; else the newest, which an edit may have made (F6.3)."""
        rows = self.own(client)
        by_id = {row["id"]: row for row in rows}
        newest = rows[0] if rows else None
        return {
            item.ref: item.before._replace(row=by_id.get(item.ref.id) if is_deletion(item) else newest)
            for item in items
        }

    def write(self, item: Move) -> Write:
        """One create, never sent twice; an edit names only what differs, so that the rest stays."""
        if is_deletion(item):
            return Write(DELETE, {"template_id": item.before.id})
        sent = {name: value for change in item.open for name, value in change.body.items()}
        if item.before.row is None:
            logins = dict.fromkeys(("docker_login_repo", "docker_login_user", "docker_login_pass"), "")
            return Write(CREATE, {"name": self.name, **logins, "desc": self.marker, **sent}, once=True)
        return Write(UPDATE, {"hash_id": (item.seen.row or {}).get("hash_id"), **sent})

    def shows(self, item: Move, change: Change) -> bool:
        """Whether the row has what is asked for."""
        return item.seen.row is not None and not self.differs_in(item.seen.row, change.field)

    def differs(self, item: Move) -> bool:
        """Whether it came, went, or is another one by its hash."""
        before, seen = item.before.row, item.seen.row
        return (before or {}).get("hash_id") != (seen or {}).get("hash_id")

    def differs_in(self, row: Row, field: str) -> bool:
        """Whether a row has another value; nothing and empty are the same. The password is never compared."""
        wanted, have = self.fields[field], row.get(field)
        if field == "env":
            return bool(wanted != _flags(row).variables)
        if field == "ports":
            return bool(wanted != sorted(_flags(row).ports))
        if field == "docker_login":
            return any(str(row.get(f"docker_login_{key}") or "") != wanted[key] for key in ("repo", "user"))
        if field == "args_str":
            return _words(str(have or "")) != _words(wanted)
        if field == "desc":
            return self.bare(row) != str(wanted).strip()
        if field == "extra_filters":
            return bool(_decoded(have) != wanted)
        if isinstance(wanted, str):
            return str(have or "").strip() != wanted.strip()
        return bool((have or type(wanted)()) != wanted)

    def bare(self, row: Row) -> str:
        """The description without the marker."""
        return str(row.get("desc") or "").removesuffix(self.marker).strip()

    def sends(self, row: Row | None, field: str) -> dict[str, t.Any]:
        """What a request holds for a field."""
        wanted = self.fields[field]
        if field in ("env", "ports"):
            # The API keeps both in one text.
            flags = _flags(row or {})
            variables, ports = self.fields.get("env", flags.variables), self.fields.get("ports", flags.ports)
            return {"env": flags._replace(variables=variables, ports=frozenset(ports)).text}
        if field == "docker_login":
            return {f"docker_login_{key}": wanted[key] for key in ("repo", "user", "pass")}
        if field == "desc":
            return {"desc": f"{wanted.strip()}\n\n{self.marker}".strip()}
        if field == "readme":
            return {"readme": wanted, "readme_visible": bool(wanted)}
        return {field: wanted}

    def plan(self, entry: Entry) -> tuple[Change, ...]:
        """What it takes that it is as asked for: only what differs."""
        row, changes = entry.row, list(plan_presence(entry, "present"))
        for field in self.fields:
            if row is None or self.differs_in(row, field):
                action = f"set {field} of {entry.display_name}"
                values = self._shown_before(row, field), _shown(field, self.fields[field])
                changes.append(Change(field, *values, action, self.sends(row, field), field in SECRET))
        return tuple(changes)

    def _shown_before(self, row: Row | None, field: str) -> t.Any:
        if row is None:
            return None
        if field == "ports":
            return sorted(_flags(row).ports)
        return self.bare(row) if field == "desc" else _shown(field, row.get(field))


def is_deletion(item: Move) -> bool:
    """Whether it is to be gone."""
    return bool(item.plan.changes[0].after == "absent")


def _flags(row: Row) -> Flags:
    return Flags.parse(str(row.get("env") or ""))


def _shown(field: str, value: t.Any) -> t.Any:
    return "set" if field in SECRET else value


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def _decoded(value: t.Any) -> t.Any:
    try:
        return json.loads(value) if isinstance(value, str) and value else value or {}
    except (ValueError, RecursionError):
        return value


def shown(row: Row) -> dict[str, t.Any]:
    """A row as results show it: environment, scripts and logins may hold secrets and are left out."""
    desc = re.sub(_MARKER, "", str(row.get("desc") or "")).strip()
    return {"id": row["id"], **{field: row.get(field) for field in SHOWN}, "desc": desc}


def current_user(client: Client) -> int:
    """The id of the user whose key it is (F6.3). Raises PermissionDenied without the right `user_read`."""
    number = user_row(client).get("id")
    if not is_id(number):
        raise ProtocolError(
            "Vast.ai did not report the user, so the templates of this user cannot be identified.",
            client.answered(USER),
        )
    return number


class Found(t.NamedTuple):
    """The templates of a search, and whether it has pages that were not read."""

    rows: list[Row]
    more: bool


def read(client: Client, filters: Row) -> list[Row]:
    """All templates that match, own and public ones. Raises ProtocolError unless they are all."""
    found = search(client, filters)
    if found.more:
        raise malformed(client, LIST, "template", f"it has more than {MAX_PAGES} pages")
    return found.rows


def search(client: Client, filters: Row) -> Found:
    """The templates that match, from up to MAX_PAGES pages, where there are pages (F6.3).

    Raises ProtocolError for an end that shows less than it announces.
    """
    params = {"select_filters": json.dumps(filters), "select_cols": '["*"]'}
    rows: list[Row] = []
    tokens: set[str] = set()
    for _page in range(MAX_PAGES):
        reply = _page_of(client, params)
        rows = checked_rows(client, LIST, [*rows, *_rows(client, reply)], "template")
        token = reply.get("next_token")
        if token in (None, ""):
            total = reply.get("templates_found")
            if is_id(total) and total > len(rows):
                raise malformed(client, LIST, "template", f"it announces {total} and shows {len(rows)}")
            return Found(rows, more=False)
        if not isinstance(token, str) or token in tokens:
            raise malformed(client, LIST, "template", "a page does not name a new page")
        tokens.add(token)
        params["after_token"] = token
    return Found(rows, more=True)


def _page_of(client: Client, params: t.Mapping[str, str]) -> Row:
    """One reply; no templates are a refusal with a text of its own (F6.3)."""
    try:
        return client.call(LIST, params=params)
    except (Invalid, NotFound) as error:
        if re.search(EMPTY_TEXT, error.msg.lower()):
            return {"templates": []}
        raise


def _rows(client: Client, reply: Row) -> list[Row]:
    return checked_rows(client, LIST, reply.get("templates"), "template")


def to_keep(client: Client, kind: Templates, state: str) -> tuple[list[Move], list[Row]]:
    """The items: the newest of the name, to delete all of them; and the older ones with our marker."""
    rows = kind.own(client)
    if state == "absent":
        entries = [Entry(kind.noun, f"{kind.name} ({row['id']})", row) for row in rows]
        items = [to_bring(each, plan_presence(each, state), Ref(id=each.id)) for each in entries]
        empty = Entry(kind.noun, kind.name)
        return items or [to_bring(empty, ())], []
    entry = Entry(kind.noun, kind.name, rows[0] if rows else None)
    older = [row for row in rows[1:] if str(row.get("desc") or "").endswith(kind.marker)]
    return [to_bring(entry, kind.plan(entry), Ref(id=entry.id, label=kind.name))], older


def keep(client: Client, kind: Templates, items: list[Move], deadline: Deadline) -> None:
    """Carry it out. A hash that somebody else's edit has moved on is read again once, and what differs then is sent.

    A deletion names no hash: what refuses one is final.
    """
    bring(client, kind, items, deadline)
    item = items[0]
    if not item.plan.changes or is_deletion(item):
        return
    # What a task without changes does not need.
    from .._core.interrupts import TaskInterrupted

    if isinstance(item.error, TaskInterrupted):
        return
    stale = item.refused is not None and item.doubt is None and re.search(STALE_TEXT, item.refused.msg.lower())
    if stale and item.error is not None and item.before.row is not None and item.seen.row is not None:
        items[0] = to_bring(item.seen, kind.plan(item.seen), item.ref)
        bring(client, kind, items, deadline)
