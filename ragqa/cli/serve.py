"""`ragqa serve`: answers over HTTP, or to one MCP client over stdin and stdout."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.common import json_option, profile_option, set_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json_line
from ragqa.errors import ModelError, RefusedError, UsageError
from ragqa.messages import requirement
from ragqa.origins import is_loopback_ip

if TYPE_CHECKING:
    from ragqa.config.serving import HttpServe
    from ragqa.pipeline import Pipeline
    from ragqa.serve.tokens import Scope, Token


@click.command("serve")
@click.argument("arguments", nargs=-1, metavar="[FILE|FOLDER]")
@click.option("--folder", metavar="DIR", help="The same as DIR in place of FILE.")
@click.option("--host", help="The address to listen on; default: serve.host, 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one. Default: serve.port, 8000.")
@click.option("--token-file", metavar="PATH", help="The file of tokens; default: serve.tokens.")
@click.option("--index-every", type=click.FloatRange(min=1), metavar="SECONDS", help="Index again so often.")
@click.option("--no-page", is_flag=True, help="Without the page for people at `/`; see serve.page.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser of this machine.")
@click.option("--stdio", is_flag=True, help="Be an MCP server over stdin and stdout for one client, without HTTP.")
@click.option("--scope", type=click.Choice(["read", "admin"]), default="read", help="With `token`: what it may do.")
@profile_option
@set_option
@json_option
def command(arguments: tuple[str, ...], folder: str | None, scope: Scope, as_json: bool, **options: Any) -> None:
    """Answer questions over HTTP, for OpenAI's clients too, until Ctrl-C or SIGTERM.

    Models are loaded first. Each request needs the header `Authorization: Bearer TOKEN`. Without a file of tokens, a
    random one for this run is printed, in the address of the page for people. `ragqa serve token NAME` makes another
    token: it prints the token, and the line for the file. Beyond this machine (--host), a file of tokens is required
    (exit code 9). With --json, the addresses and the random token are printed as a JSON object. A line of the log for
    each request is on stderr: it never holds a question or an answer. The section `serve` of the pipeline file has the
    other settings; see docs/serving.md.

    \b
    Examples:
      ragqa serve token alice --scope read
      ragqa serve pipelines/quickstart.yaml --port 8080
      ragqa serve --folder corpora/tarnwick/documents --open
      ragqa serve corpora/tarnwick/documents --stdio
    """
    if arguments[:1] == ("token",):
        _print_token(arguments[1:], scope, as_json=as_json)
        return
    if len(arguments) + bool(folder) != 1:
        raise click.UsageError("give one FILE or FOLDER; or `token NAME`")
    _serve(folder or arguments[0], as_json=as_json, **options)


def _print_token(names: Sequence[str], scope: Scope, *, as_json: bool) -> None:
    from ragqa.serve import tokens

    if len(names) != 1:
        raise click.UsageError("give one NAME: `ragqa serve token NAME`")
    secret, token = tokens.new(names[0], scope)
    if as_json:
        print_json_line({"token": secret, "line": token.line()})
        return
    click.echo(f"token: {secret}")
    click.echo(f"line:  {token.line()}")
    say("The token is not shown again; add the line to the file of tokens (serve.tokens).", err=True)


def _serve(
    target: str,
    *,
    host: str | None,
    port: int | None,
    token_file: str | None,
    index_every: float | None,
    no_page: bool,
    opens: bool,
    stdio: bool,
    profile: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    if any(each.startswith("serve.") for each in overrides):  # the section may be missing; it has one kind
        overrides = ("serve.kind=http", *overrides)
    if stdio and opens:
        raise UsageError("--open opens the page, and --stdio has none: leave out one of them")
    if stdio:
        _serve_stdio(target, overrides, profile)
        return
    _require_server()
    from ragqa.cli.opening import open_pipeline

    pipeline = open_pipeline(target, overrides, profile)
    tokens_at, page = token_file and str(Path(token_file).absolute()), False if no_page else None
    spec = _settings(pipeline, host=host, port=port, tokens=tokens_at, page=page)
    if opens and not spec.page:
        raise UsageError("--open opens the page: leave out --no-page, and serve.page: false")
    secret, known = _tokens(spec)
    from ragqa import serve

    with serve.listen(spec.host, spec.port) as listener:
        _prepare(pipeline, target)
        shown = f"[{spec.host}]" if ":" in spec.host else spec.host
        url = f"http://{shown}:{listener.getsockname()[1]}"
        page_url = _page_url(spec, url) + (f"#token={secret}" if secret else "")
        _log_to_stderr()
        with ExitStack() as at_end:

            def began(stop: Callable[[], None]) -> None:
                _say_began(url, secret, page_url if spec.page else None, as_json)
                if opens:
                    from ragqa.cli.browser import open_in_browser

                    at_end.enter_context(open_in_browser(page_url))

            serve.serve(pipeline, spec, known, listener, began=began, index_every=index_every)


def _serve_stdio(target: str, overrides: tuple[str, ...], profile: str | None) -> None:
    """Serve one MCP client, which is told the tools before anything is imported that opens a pipeline."""
    from ragqa.serve.mcp import run_stdio

    def build() -> Pipeline:
        from ragqa.cli.opening import open_pipeline

        pipeline = open_pipeline(target, overrides, profile)
        _prepare(pipeline, target)
        return pipeline

    run_stdio(build)


def _require_server() -> None:
    from ragqa.config.serving import SERVE

    if importlib.util.find_spec(SERVE.library) is None:
        raise ModelError(f"ragqa serve needs {SERVE.library}: run `{SERVE.command}`")


def _settings(pipeline: Pipeline, **given: Any) -> HttpServe:
    """Return the settings of the file, or the defaults, with what the command line sets."""
    from pydantic import ValidationError

    from ragqa.config.serving import HttpServe

    section = pipeline.config.serve
    fields = section.model_dump() if section else {"kind": "http"}
    try:
        return HttpServe.model_validate(fields | {key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        details: Any = error.errors()
        raise UsageError(f"--{details[0]['loc'][0]}: {requirement(details[0])}") from None


def _tokens(spec: HttpServe) -> tuple[str | None, tuple[Token, ...]]:
    """Return the random token of this run, None where there is a file; and the tokens that may ask.

    :raises RefusedError: other machines could ask, and there is no file of tokens.
    """
    from ragqa.serve import tokens

    if spec.tokens is not None:
        return None, tokens.read(Path(spec.tokens))
    if not (spec.host == "localhost" or is_loopback_ip(spec.host)):
        raise RefusedError(
            f"other machines can reach {spec.host}: make a token by `ragqa serve token NAME`, put its line into a file, "
            "and name the file by --token-file or serve.tokens"
        )
    secret, token = tokens.new("this-run", "admin")
    return secret, (token,)


def _prepare(pipeline: Pipeline, target: str) -> None:
    """Bring the index of a folder up to date; see that there is an index.

    :raises NothingUsableError: there is none.
    """
    from ragqa.cli.indexing import refresh
    from ragqa.cli.opening import holds_documents

    if holds_documents(target):
        refresh(pipeline)
    with pipeline.open_index():
        pass


def _page_url(spec: HttpServe, url: str) -> str:
    """Return the address of the page. Where the server listens at all addresses, it has the first of its names."""
    everywhere = spec.host in ("0.0.0.0", "::")
    return f"http://{spec.hosts[0]}:{url.rpartition(':')[2]}/" if everywhere else f"{url}/"


def _say_began(url: str, secret: str | None, page: str | None, as_json: bool) -> None:
    if as_json:
        print_json_line({"url": url, "token": secret, "page": page})
    else:
        click.echo(f"serving at {page or url}; Ctrl-C ends this")
        if secret:
            click.echo(f"token of this run: {secret}")
    sys.stdout.flush()


def _log_to_stderr() -> None:
    """Write the line of each request to stderr."""
    log = logging.getLogger("ragqa.serve")
    log.setLevel(logging.INFO)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.addFilter(lambda record: record.levelno == logging.INFO)  # the command line prints warnings
        log.addHandler(handler)
