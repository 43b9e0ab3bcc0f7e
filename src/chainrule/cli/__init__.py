"""The command line: parse, call, show.

Exit codes: 0 when all went well, 1 when a check failed, 2 for bad usage or input (with one line on stderr,
and with ``--json`` also ``{"error": ...}`` on stdout), 130 after Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from chainrule._version import __version__
from chainrule.cli.bench import bench
from chainrule.cli.check import check, verify
from chainrule.cli.check_work import check_work
from chainrule.cli.compare import compare
from chainrule.cli.exercise import exercise
from chainrule.cli.experiment import experiment
from chainrule.cli.explain import explain
from chainrule.cli.export import export
from chainrule.cli.gallery import gallery
from chainrule.cli.homework import homework
from chainrule.cli.predict import predict
from chainrule.cli.profile import profile
from chainrule.cli.simplify import simplify
from chainrule.cli.step import step
from chainrule.cli.train import INTERRUPTED, train
from chainrule.engines.jax.processes import leave
from chainrule.errors import ChainruleError

BAD_INPUT = 2


class Commands(click.Group):
    """The commands; each error becomes one line, and each way to end its exit code."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **settings: Any) -> Any:
        """Run the command of ``args`` (of the command line by default) and exit."""
        words = sys.argv[1:] if args is None else list(args)
        settings |= {"standalone_mode": False, "prog_name": "chainrule", "obj": words}
        try:
            sys.exit(super().main(words, *others, **settings) or 0)
        except (KeyboardInterrupt, click.Abort):
            click.echo("chainrule: interrupted", err=True)
            code = INTERRUPTED
        except (click.ClickException, ChainruleError, OSError, MemoryError) as error:
            message = " ".join(_message(error).splitlines())
            if "--json" in words:
                click.echo(json.dumps({"error": message}))
            click.echo(f"chainrule: error: {message}", err=True)
            code = BAD_INPUT
        leave(code)

    def invoke(self, context: click.Context) -> Any:
        """Run the command; what click would treat in a way of its own is treated here."""
        try:
            code = super().invoke(context)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, such as head, has seen enough: no error
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except KeyboardInterrupt as error:  # click would print an empty line first
            raise click.Abort from error
        return code


def _message(error: Exception) -> str:
    """What went wrong, where, and what to do."""
    match error:
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "chainrule"
            return f"{error.format_message().rstrip('.')}; see {command} --help"
        case click.ClickException():
            return error.format_message()
        case MemoryError():
            return "there is not enough memory; try smaller layers (--hidden) or a smaller --batch-size"
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}{error.strerror or error}; check the place, its permissions and the space left"
        case _:
            return str(error)


@click.group(
    cls=Commands,
    name="chainrule",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  chainrule train penguins.csv --target species
  chainrule predict penguins-model new.csv --out predictions.csv
""",
)
@click.version_option(__version__, message="chainrule %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Backpropagation that you can read, check and run."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


main.add_command(experiment)
main.add_command(gallery)
main.add_command(homework)
main.add_command(simplify)
main.add_command(train)
main.add_command(predict)
main.add_command(export)
main.add_command(check)
main.add_command(verify)
main.add_command(compare)
main.add_command(profile)
main.add_command(bench)
main.add_command(explain)
main.add_command(step)
main.add_command(check_work)
main.add_command(exercise)
