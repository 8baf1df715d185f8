"""Reads and writes settings as TOML. Knows the tree (``settings``) and no actor, process or socket.

One ``cluster.toml`` serves every host: it names the nodes and where they are. A *node file* names one node of it
(``node = "n1"``, ``cluster = "cluster.toml"``) and may override settings for that node. Precedence: flag > environment
(``ACTORUM_RAFT__HEARTBEAT_SECONDS``) > node file > cluster file > default. What is not a setting is refused.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from actorum.settings import NodeSection, Section, Settings, SettingsError

ENVIRONMENT_PREFIX = "ACTORUM_"


class NodeFile(Section, frozen=True):
    """The two keys that make a file a node file; the rest of it overrides the cluster file for this node.

    Attributes:
        node: which node of the cluster file this is.
        cluster: path of the cluster file, relative to this file.
    """

    node: str
    cluster: str = "cluster.toml"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and where they came from.

    Attributes:
        settings: the tree, after every override.
        path: the file that was given; a node file or the cluster file.
        cluster_path: the cluster file; paths in it are relative to its folder.
        node: the node that a node file names.
    """

    settings: Settings
    path: Path
    cluster_path: Path
    node: str | None

    def node_settings(self, name: str) -> NodeSection:
        """The table of one node.

        Raises:
            SettingsError: no such node; names those that there are.
        """
        found = self.settings.nodes.get(name)
        if found is None:
            raise SettingsError(
                f"{self.cluster_path}: there is no node {name!r}; it has {', '.join(self.settings.nodes) or 'none'}"
            )
        return found

    def data_folder(self, name: str) -> Path:
        """Absolute path of one node's data folder."""
        return (self.cluster_path.parent / (self.node_settings(name).data or name)).absolute()


def load(
    path: Path | str, *, environment: Mapping[str, str] | None = None, overrides: Iterable[str] = ()
) -> Loaded:
    """Read a cluster file or a node file.

    Args:
        path: the file.
        environment: where ``ACTORUM_SECTION__FIELD`` variables are looked for (default: the process's).
        overrides: ``section.field=value``, as given on the command line; they win over everything.

    Raises:
        SettingsError: the file is missing or not TOML, or a setting is unknown, of the wrong type or out of range.
    """
    path = Path(path).absolute()
    tree = _read_toml(path)
    node: str | None = None
    cluster_path = path
    if "node" in tree or isinstance(tree.get("cluster"), str):
        head = {key: tree.pop(key) for key in ("node", "cluster") if not isinstance(tree.get(key, {}), dict)}
        head_of_file = _convert(head, NodeFile, str(path))
        node, cluster_path = head_of_file.node, (path.parent / head_of_file.cluster).resolve()
        check_known(tree, Settings, str(path))
        base = _read_toml(cluster_path)
        check_known(base, Settings, str(cluster_path))
        tree = _merge(base, tree)
    else:
        check_known(tree, Settings, str(path))
    for name, text in sorted((os.environ if environment is None else environment).items()):
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name:
            keys = [part.lower() for part in name.removeprefix(ENVIRONMENT_PREFIX).split("__")]
            tree = _merge(tree, _override(keys, text, tree, f"environment variable {name}"))
    for override in overrides:
        keys_text, separator, text = override.partition("=")
        if not separator:
            raise SettingsError(f"--set {override!r}: expected section.field=value, e.g. raft.max_append_bytes=65536")
        tree = _merge(tree, _override(keys_text.strip().split("."), text.strip(), tree, f"--set {override}"))
    if isinstance(nodes := tree.get("nodes"), dict):
        for name, node_tree in nodes.items():  # one by one, so that an error names the node
            _convert(node_tree, NodeSection, str(path), f"nodes.{name}")
    loaded = Loaded(
        settings=_convert(tree, Settings, str(path)), path=path, cluster_path=cluster_path, node=node
    )
    _check_nodes(loaded)
    return loaded


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: there is no such settings file; `actorum up` makes one, or pass --config"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error


def check_known(tree: Any, kind: Any, source: str, path: str = "") -> None:
    """Refuse a field that is not a setting, by its path, with the nearest one that is.

    Args:
        tree: what a file holds.
        kind: the struct type that it should have.
        source: what the error names as the origin.
        path: where in the settings ``tree`` stands.
    """
    if not isinstance(tree, dict):
        return  # a wrong type: the conversion says so
    if typing.get_origin(kind) is dict:
        for key, value in tree.items():
            check_known(value, typing.get_args(kind)[1], source, f"{path}{key}.")
        return
    known = fields_of(kind)
    for key, value in tree.items():
        if key not in known:
            raise SettingsError(f"{source}: unknown setting {path}{key}; {_nearest(path, key, known)}")
        check_known(value, known[key], source, f"{path}{key}.")


def fields_of(kind: Any) -> dict[str, Any]:
    """Name and type of each field of a section; empty for what is no section."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.name: field.type for field in msgspec.structs.fields(kind)}
    return {}


def _nearest(path: str, key: str, known: Iterable[str]) -> str:
    every = sorted(known)
    close = difflib.get_close_matches(key, every, n=1, cutoff=0.5)
    if close:
        return f"the nearest known one is {path}{close[0]}"
    return f"known here: {', '.join(path + name for name in every)}" if every else f"{path.rstrip('.')} has no fields"


def _override(keys: list[str], text: str, tree: Mapping[str, Any], source: str) -> dict[str, Any]:
    """One ``section.field = text`` as a tree; the field's type decides how the text is read."""
    kind: Any = Settings
    here: Any = tree
    path = ""
    for position, key in enumerate(keys):
        if typing.get_origin(kind) is dict:
            names = {name.lower(): name for name in here} if isinstance(here, Mapping) else {}
            keys[position] = names.get(key.lower(), key)
            kind = typing.get_args(kind)[1]
        else:
            known = fields_of(kind)
            if key not in known:
                raise SettingsError(f"{source}: unknown setting {path}{key}; {_nearest(path, key, known)}")
            kind = known[key]
        here = here.get(keys[position], {}) if isinstance(here, Mapping) else {}
        path += f"{keys[position]}."
    if fields_of(kind) or typing.get_origin(kind) is dict:
        raise SettingsError(f"{source}: {path.rstrip('.')} is a table, not a setting; give one of its fields")
    value: Any = text
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{source}: {path.rstrip('.')}: {_lower(str(error))}") from error
    for key in reversed(keys):
        value = {key: value}
    return typing.cast("dict[str, Any]", value)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


T = typing.TypeVar("T")


def _convert(tree: Any, kind: type[T], source: str, prefix: str = "") -> T:
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        path = (prefix + where.rstrip("`")).lstrip(".")
        raise SettingsError(f"{source}: {path + ': ' if path else ''}{_lower(what)}") from error


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text.startswith("Expected") else text


def _check_nodes(loaded: Loaded) -> None:
    nodes = loaded.settings.nodes
    if not nodes:
        raise SettingsError(f"{loaded.cluster_path}: names no nodes; add a table [nodes.n1] with host and ports")
    if loaded.node is not None:
        loaded.node_settings(loaded.node)
    taken: dict[tuple[str, int], str] = {}
    for name, node in nodes.items():
        if len(nodes) > 1 and node.peer_port == 0:
            raise SettingsError(
                f"{loaded.cluster_path}: nodes.{name}.peer_port is 0, but the other nodes must know where to connect; "
                f"give it a port"
            )
        for field in ("peer_port", "redis_port", "http_port"):
            port = getattr(node, field)
            mine = f"nodes.{name}.{field}"
            if port and (other := taken.setdefault((node.host, port), mine)) != mine:
                raise SettingsError(f"{loaded.cluster_path}: {mine} and {other} are both {port} on {node.host}")


def to_toml(settings: msgspec.Struct, *, defaults: bool = True) -> str:
    """Settings as TOML text.

    Args:
        settings: the whole tree, or a node file's head.
        defaults: False leaves out what is at its default.
    """
    lines: list[str] = []
    _emit(settings, "", lines, defaults)
    return "\n".join(lines).strip() + "\n"


def _emit(value: Any, path: str, lines: list[str], defaults: bool) -> None:
    tables: list[tuple[str, Any]] = []
    own: list[str] = []
    if isinstance(value, dict):
        tables = list(value.items())
    else:
        for field in msgspec.structs.fields(value):
            item = getattr(value, field.name)
            if isinstance(item, (msgspec.Struct, dict)):
                tables.append((field.name, item))
            elif defaults or item != field.default:
                # A JSON string, number, list or (lower-case) boolean is the same value in TOML.
                own.append(f"{field.name} = {json.dumps(item, ensure_ascii=False)}")
    if own:
        lines += [f"\n[{path}]", *own] if path else own
    for name, item in tables:
        _emit(item, f"{path}.{_key(name)}" if path else _key(name), lines, defaults)


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else json.dumps(name)
