"""The command line: ``actorum``. Knows options and exit codes; what the commands do stands in the modules they call,
imported when a command runs so that each starts quickly.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from actorum.cli_find import config_option, find_config
from actorum.exits import MEANINGS, OF_COMMANDS, Exit, epilog

#: Commands with a module of their own, imported when the command is called for: name, module, function.
COMMANDS = {
    "get": ("actorum.cli_data", "get"),
    "set": ("actorum.cli_data", "put"),
    "del": ("actorum.cli_data", "delete"),
    "log": ("actorum.cli_log", "log"),
    "judge": ("actorum.judge", "judge"),
    "simulate": ("actorum.simulate", "simulate"),
    "torture": ("actorum.cli_torture", "torture"),
    "verify": ("actorum.verify", "verify"),
}

#: Errors that end a command with one line and an exit code: module, class, code.
ERRORS = (
    ("actorum.settings", "SettingsError", Exit.SETTINGS),
    ("actorum.client", "NotReachable", Exit.UNAVAILABLE),
    ("actorum.node_process", "ClusterInUse", Exit.DATA_REFUSED),
    ("actorum.node_process", "ClusterError", Exit.FAILED),
)

set_option = click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.FIELD=VALUE",
    help="Override one setting; wins over environment and file. May be given again.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class _LazyGroup(click.Group):
    """Imports the command that is called for, and no other, so that each starts quickly; adds its exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, function = COMMANDS[cmd_name]
            found: click.Command | None = getattr(importlib.import_module(module), function)
        else:
            found = super().get_command(ctx, cmd_name)
        if found is not None:
            _document(found, cmd_name)
        return found


def _document(command: click.Command, name: str) -> None:
    """Let the help of a command, or of those of a group, end with its exit codes."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _document(inner, f"{name} {inner.name}")
    else:
        command.epilog = epilog(OF_COMMANDS[name])


@click.group(
    cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=epilog(MEANINGS),
)
@click.version_option(package_name="actorum")
@click.pass_context
def cli(context: click.Context) -> None:
    """A replicated, durable, linearizable store made of actors; spoken to by any Redis client."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        context.color = False


@cli.command(short_help="Start a cluster on this machine and keep it running.")
@click.option("--nodes", type=click.IntRange(1, 9), help="How many nodes a new cluster gets (default 3).")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the cluster file and the data; kept between starts (default ./actorum-data).",
)
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path),
    help="A cluster file: start those of its nodes that belong to this host.",
)
@click.option("--host", help="With --config: start the nodes with exactly this host.")
@click.option("--no-restart", is_flag=True, help="Leave a node that ends alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line once the cluster serves and after each restart.")
@set_option
def up(
    *, nodes: int | None, data: Path | None, config: Path | None, host: str | None, no_restart: bool, as_json: bool,
    overrides: tuple[str, ...],
) -> None:
    """Start a cluster as processes of this machine and keep it running until Ctrl-C or SIGTERM."""
    from actorum.cluster import CLUSTER_FILE, DEFAULT_FOLDER, Cluster, generate
    from actorum.launcher import Launcher
    from actorum.settings import SettingsError

    if config is not None and (data is not None or nodes is not None):
        raise click.UsageError("--config names nodes and folders itself; give it without --data and --nodes")
    if config is None:
        folder = data or Path(DEFAULT_FOLDER)
        config = folder / CLUSTER_FILE
        if not config.exists():
            generate(folder, nodes or 3)
            nodes = None
    cluster = Cluster(config, overrides=overrides, host=host)
    if nodes is not None and nodes != (found := len(cluster.loaded.settings.nodes)):
        cluster.stop()
        raise SettingsError(
            f"{config} is a cluster of {found} node{'s' if found > 1 else ''}, not {nodes}; leave --nodes out, or give "
            f"another folder with --data"
        )
    sys.exit(Launcher(cluster, restart=not no_restart, as_json=as_json).run())


@cli.command(short_help="Run one node in this process until SIGTERM.")
@click.option(
    "--config", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A node file or a cluster file."
)
@click.option("--name", help="Which node of a cluster file to run; a node file says so itself.")
@click.option(
    "--ready-file", type=click.Path(dir_okay=False, path_type=Path), help="Written, as JSON, when the doors are open."
)
@click.option("--stop-with-parent", is_flag=True, help="Stop when standard input closes.")
@set_option
def node(
    config: Path, name: str | None, ready_file: Path | None, stop_with_parent: bool, overrides: tuple[str, ...]
) -> None:
    """Run one node in this process until SIGTERM (drains; a second one is immediate)."""
    from actorum.process import run_node

    sys.exit(run_node(config, name, ready_file=ready_file, stop_with_parent=stop_with_parent, overrides=overrides))


@cli.command(short_help="Show every node's role, progress, keys and size on disk.")
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> None:
    """Show every node's role, progress, keys and size on disk, and what keeps it from serving."""
    from actorum.cli_status import collect, exit_code, show

    found = collect(find_config(config))
    if as_json:
        click.echo(json.dumps({"nodes": found}))
    else:
        show(found)
    sys.exit(exit_code(found))


@cli.group()
def config() -> None:
    """Check and show settings."""


@config.command(short_help="Read the settings as a node would.")
@config_option
@set_option
@json_option
def check(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Read the settings as a node would, and say what is wrong with them."""
    from actorum.settings import SettingsError
    from actorum.settings_file import load

    path = find_config(config)
    try:
        loaded = load(path, overrides=overrides)
    except SettingsError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "path": str(path), "error": str(error)}))
            sys.exit(Exit.SETTINGS)
        raise
    if as_json:
        click.echo(json.dumps({"ok": True, "path": str(path), "nodes": list(loaded.settings.nodes)}))
    else:
        click.echo(f"{path}: ok; nodes {', '.join(loaded.settings.nodes)}")


@config.command()
@config_option
@set_option
@json_option
def show(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print every setting in force, defaults included."""
    import msgspec

    from actorum.settings_file import load, to_toml

    settings = load(find_config(config), overrides=overrides).settings
    click.echo(msgspec.json.encode(settings).decode() if as_json else to_toml(settings), nl=as_json)


@cli.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell: eval "$(actorum completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(cli, {}, "actorum", "_ACTORUM_COMPLETE").source())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every known error is one line on standard error and an exit code."""
    try:
        cli.main(arguments, prog_name="actorum", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(Exit.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output is gone (`actorum … | head`): nothing is left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.FAILED)
    except Exception as error:
        code = _code_of(error)
        if code is None:
            raise
        _fail(error, code)


def _code_of(error: Exception) -> Exit | None:
    """The exit code of a known error; a class whose module was never imported cannot have been raised."""
    for module, name, code in ERRORS:
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            return code
    return None


def _fail(error: Any, code: Exit) -> None:
    click.echo(f"actorum: {error}", err=True)
    sys.exit(code)
