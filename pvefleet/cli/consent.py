"""Consent to a plan: a flag, an answer on a terminal, or a refusal."""

from __future__ import annotations

from pvefleet.cli.environment import Environment
from pvefleet.model.errors import Refused
from pvefleet.model.run import PlanReport


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


def agree_to(report: PlanReport, *, yes: bool, confirm: str, environment: Environment) -> str:
    """Return the text that was typed, or empty where the plan asks for none, once the operator agrees to the plan.

    Args:
        report: the plan, already shown.
        yes: was ``--yes`` given? It answers a plain question, never one that asks for text.
        confirm: the value of ``--confirm``.
        environment: knows whether a question can be asked.

    Raises:
        Refused: the operator does not agree, typed something else, or nobody is there to ask.
    """
    wanted = report.confirmation
    if not wanted:
        consent(f"Do this to {report.cluster}?", yes=yes, environment=environment)
        return ""
    return typed_text(wanted, f"do this to {report.cluster}", confirm=confirm, environment=environment)


def typed_text(wanted: str, purpose: str, *, confirm: str, environment: Environment) -> str:
    """Return *wanted* once it was typed, on the terminal or as ``--confirm``.

    Args:
        wanted: the text that proves that the plan was read.
        purpose: what typing it does, for the question.
        confirm: the value of ``--confirm``.
        environment: knows whether a question can be asked.

    Raises:
        Refused: something else was typed, or nobody is there to ask.
    """
    typed = confirm
    if not typed:
        if not environment.interactive:
            raise Refused(
                "nothing was changed: the plan asks for a text, and there is no terminal to ask on",
                hint=f"add --confirm '{wanted}', which --plan shows too",
            )
        from pvefleet.views.prompt import ask_text

        typed = ask_text(f"Type {wanted!r} to {purpose}: ")
    if typed != wanted:
        raise Refused(f"nothing was changed: {typed!r} is not {wanted!r}")
    return typed
