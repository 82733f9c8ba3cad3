"""`asl-runner completion`: the script that teaches a shell to complete commands, files and execution names."""

from __future__ import annotations

import click

from asl_runner.cli.entry import COMPLETION_VARIABLE, PROGRAM, command_group


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell: for this session with eval, for all in the shell's own file.

    \b
    Examples:
      eval "$(asl-runner completion bash)"
      echo 'eval "$(asl-runner completion bash)"' >> ~/.bashrc
      echo 'eval "$(asl-runner completion zsh)"' >> ~/.zshrc
      asl-runner completion fish > ~/.config/fish/completions/asl-runner.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    # The plain class's `source`: bash's own first runs bash to look at its version.
    click.echo(ShellComplete.source(found(command_group(), {}, PROGRAM, COMPLETION_VARIABLE)))
