"""The page `docs/cli.md`, made of the parsers: what a command takes cannot differ from what the page says."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from tidegate.cli.cluster import GROUP
from tidegate.cli.exit_codes import MEANINGS
from tidegate.cli.parser import COMMANDS, parser_for

INTRODUCTION: Final = """\
# Command line

One program with two names: `tidegate`, and `kubectl tidegate` (the program `kubectl-tidegate` on `$PATH` makes it a plugin of kubectl).

Commands that query a cluster take kubectl's flags, and use the same kubeconfig.
`NO_COLOR` switches colours off; without a terminal there are none.
`tidegate COMMAND --help` shows the same as this page.

## Completion

```sh
eval "$(tidegate completion bash)"       # in ~/.bashrc
eval "$(tidegate completion zsh)"        # in ~/.zshrc, after compinit
tidegate completion fish | source        # in ~/.config/fish/config.fish
```

Names of Rollouts, namespaces and contexts are completed from the cluster and the kubeconfig.
`kubectl tidegate` is completed by kubectl itself (1.26 or newer), by the program `kubectl_complete-tidegate` in the folder of the plugin.

## Waiting in a pipeline

```sh
kubectl tidegate status checkout --wait --image shop/checkout:2.4.1 --timeout 2h
```

`--image` is what a pipeline has just released.
Without it, a pipeline that asks before the operator has seen the new version gets the result of the run before.

## Exit codes

| code | meaning |
|---|---|
"""
CLUSTER: Final = """
## Flags of the cluster

The same as kubectl's.

| argument | meaning |
|---|---|
"""
LINK: Final = "It takes the [flags of the cluster](#flags-of-the-cluster) as well."


def as_markdown() -> str:
    """The whole page."""
    codes = (f"| {code.value} | {words} |" for code, words in MEANINGS.items())
    cluster = (_row(one) for one in _of_cluster(_parser("status")))
    lines = [INTRODUCTION + "\n".join(codes), CLUSTER + "\n".join(cluster)]
    for name, (_, help_) in COMMANDS.items():
        lines += ["", f"## tidegate {name}", "", f"{help_[0].upper()}{help_[1:]}.", *_command(_parser(name), name)]
    return "\n".join(lines) + "\n"


def _parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command. argparse has no public way to it; Sphinx's extensions go the same."""
    parsers = next(one for one in parser_for(name)._actions if isinstance(one, argparse._SubParsersAction))  # noqa: SLF001
    found: argparse.ArgumentParser = parsers.choices[name]
    return found


def _command(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    shared = {one.dest for one in _of_cluster(parser)} - {"all_namespaces"}
    every = [one for one in parser._actions if not isinstance(one, argparse._HelpAction)]  # noqa: SLF001
    actions = [one for one in every if one.dest not in shared]
    positionals = [one for one in actions if not one.option_strings]
    given = " ".join(_positional(one) for one in positionals)
    options = [one for one in actions if one.option_strings]
    yield from ("", f"    tidegate {name}{' ' + given if given else ''}{' [OPTIONS]' if options else ''}")
    if actions:
        yield from ("", "| argument | meaning |", "|---|---|")
        yield from (_row(one) for one in actions)
    if shared:
        yield from ("", LINK)


def _of_cluster(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Those of the group that `add_cluster_arguments` makes."""
    groups = (one for one in parser._action_groups if one.title == GROUP)  # noqa: SLF001
    return [action for group in groups for action in group._group_actions]  # noqa: SLF001


def _positional(action: argparse.Action) -> str:
    shown = _value(action)
    return {"*": f"[{shown} ...]", "+": f"{shown} [{shown} ...]", "?": f"[{shown}]"}.get(str(action.nargs), shown)


def _row(action: argparse.Action) -> str:
    value = _value(action) if action.nargs != 0 else ""
    names = [f"`{name}{' ' + value if value else ''}`" for name in action.option_strings] or [f"`{value}`"]
    meaning = (action.help or "").replace("%%", "%").replace("|", "\\|")
    required = " (required)" if action.option_strings and action.required else ""
    return f"| {', '.join(names)} | {meaning}{required} |"


def _value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "\\|".join(str(one) for one in action.choices)
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return str(metavar)
