"""Consent to a plan: a flag, an answer on a terminal, or a refusal."""

from __future__ import annotations

from pvefleet.cli.environment import Environment
from pvefleet.model.errors import Refused


def consent(question: str, *, yes: bool, environment: Environment) -> None:
    """Return where the operator agrees.

    Args:
        question: a plain question that names what is going to change.
        yes: was ``--yes`` given?
        environment: knows whether a question can be asked.

    Raises:
        Refused: the answer was no, or nobody is there to answer.
    """
    if yes:
        return
    if not environment.interactive:
        raise Refused("nothing was changed: there is no terminal to ask on", hint="add --yes, or --plan to only look")
    from pvefleet.views.prompt import ask_yes

    if not ask_yes(question):
        raise Refused("nothing was changed: the answer was no")
