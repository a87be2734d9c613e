"""The `tidewaiter` program: the same engine from a terminal, a CI job or inside the cluster.

Results go to standard output, progress and faults to standard error. Exit codes: 0 admitted, 1 denied, 2 usage or
configuration, 3 could not be evaluated; of several outcomes 2 beats 1 beats 3 beats 0.
"""

import sys
import traceback
from typing import Any

import click

from webhook import __version__
from webhook.cli.audit import audit
from webhook.cli.check import check
from webhook.cli.controller import controller
from webhook.cli.demo import demo
from webhook.cli.exits import Exit
from webhook.cli.pin import pin
from webhook.cli.policy import policy
from webhook.cli.review import review
from webhook.cli.serve import serve
from webhook.cli.verify import verify
from webhook.errors import ConfigurationError


class _Program(click.Group):
    """A fault in what the user gave ends with its text and exit code 2, whichever command found it.

    A failure of ours must not look like "denied", which Python's own exit code 1 would.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(str(error), err=True)
            sys.exit(Exit.USAGE)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(Exit.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception:  # noqa: BLE001 - the last net of the program
            traceback.print_exc()
            sys.exit(Exit.INCONCLUSIVE)


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tidewaiter")
def main() -> None:
    """Judge pods before they run: registry allowlist, cosign signatures, security context."""


for _command in (check, audit, pin, review, verify, serve, controller, demo, policy):
    main.add_command(_command)
