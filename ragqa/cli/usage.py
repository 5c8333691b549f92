"""Messages for an invalid command line, with the command or option that was probably meant."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click


def exists(path: str | Path) -> bool:
    """Tell whether there is a file or folder of this name; False for an impossible name and where access is denied."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def explain(error: click.ClickException, arguments: Sequence[str]) -> str:
    """Return the error of a command line, and a suggestion."""
    ctx: click.Context | None = getattr(error, "ctx", None)
    message = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
    if ctx is None:
        return message.rstrip(".")
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        assert isinstance(ctx.command, click.Group)
        return f"{ctx.command_path} takes a command; valid: {', '.join(ctx.command.list_commands(ctx))}"
    inner = ctx.command_path.partition(" ")[2]
    if isinstance(error, click.exceptions.NoSuchCommand):
        parts = [f"no such command {error.command_name!r}", _meant(ctx, error.command_name)]
    else:
        parts = [message.rstrip("."), *_advice(error, ctx, arguments)]
    return (f"{inner}: " if inner else "") + "; ".join(parts)


def _meant(ctx: click.Context, typed: str) -> str:
    """Return the command of a group that was probably meant."""
    if typed == "help":
        return f"did you mean `{ctx.command_path} --help`?"
    if ctx.parent is None and exists(typed):
        return f'did you mean `{ctx.command_path} ask {shlex.quote(typed)} "your question"`?'
    names = _names(ctx)
    if near := difflib.get_close_matches(typed, names, n=2):
        return f"did you mean {' or '.join(f'`{ctx.command_path} {names[name]}`' for name in near)}?"
    assert isinstance(ctx.command, click.Group)
    return f"valid: {', '.join(ctx.command.list_commands(ctx))}"


def _names(ctx: click.Context) -> dict[str, str]:
    """Return the commands of a group by possible names; a command of an inner group also by its own name alone."""
    assert isinstance(ctx.command, click.Group)
    names = {name: name for name in ctx.command.list_commands(ctx)}
    for name in list(names):
        group = ctx.command.get_command(ctx, name)
        if isinstance(group, click.Group):
            names = {each: f"{name} {each}" for each in group.list_commands(ctx)} | names
    return names


def _advice(error: click.ClickException, ctx: click.Context, arguments: Sequence[str]) -> Iterator[str]:
    """Yield advice on an error; nothing where the error has advice itself."""
    if error.message.endswith("?"):
        return
    options, texts = _sorted_out(ctx, arguments)
    dashed = [text for text in texts if text.startswith("-") and text != "-"]
    possibilities = getattr(error, "possibilities", None) or _long_options(error, ctx, arguments)
    if possibilities and not any(map(_has_blanks, dashed)):
        yield f"did you mean {' or '.join(possibilities)}?"
    elif dashed and not isinstance(ctx.command, click.Group):
        typed = shlex.join([*ctx.command_path.split(), *options, "--", *texts])
        yield f"what begins with - and is no option goes behind --: {typed}"
    else:
        if "unexpected extra argument" in error.message and "QUESTION" in ctx.get_usage():
            yield "put quotes around a question"
        yield f"usage: {' '.join(ctx.get_usage().split()[1:])}"
        if isinstance(error, click.MissingParameter) and (example := _example(ctx.command)):
            yield f"for example: {example}"


def _sorted_out(ctx: click.Context, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options among the arguments of a command, each with its value, and the other arguments."""
    valued = {
        opt: not param.is_flag
        for param in ctx.command.get_params(ctx)
        if isinstance(param, click.Option)
        for opt in (*param.opts, *param.secondary_opts)
    }
    options: list[str] = []
    texts: list[str] = []
    left = iter(arguments[len(ctx.command_path.split()) - 1 :])
    for argument in left:
        if argument == "--":
            texts += left
        elif argument in valued:
            options += [argument, *(next(left, "") for _ in range(valued[argument]))]
        elif argument.partition("=")[0] in valued or (valued.get(argument[:2]) and not _has_blanks(argument)):
            options.append(argument)
        else:
            texts.append(argument)
    return options, texts


def _long_options(error: click.ClickException, ctx: click.Context, arguments: Sequence[str]) -> list[str]:
    """Return the options that begin with the letter of an unknown one-letter option."""
    typed = error.option_name if isinstance(error, click.NoSuchOption) else ""
    options = [opt for param in ctx.command.get_params(ctx) if isinstance(param, click.Option) for opt in param.opts]
    return [opt for opt in options if typed in arguments and opt.startswith(f"-{typed}")]


def _has_blanks(text: str) -> bool:
    return any(character.isspace() for character in text)


def _example(command: click.Command) -> str:
    """Return the first example of a command's help."""
    _, _, examples = (command.help or "").partition("Example")
    return next((line.strip() for line in examples.splitlines() if line.strip().startswith("ragqa ")), "")
