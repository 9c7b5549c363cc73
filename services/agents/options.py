"""Which agents have a say in a request, and what they think with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeVar

from luce.errors import FailedPrecondition, InvalidArgument
from luce.v1 import agents_pb2
from services.agents.roles import Mind, Role

T = TypeVar("T")

_ROLES: Final = {agents_pb2.AgentRole.Value(f"AGENT_ROLE_{role.name}"): role for role in Role}
_MINDS: Final = {agents_pb2.AgentMind.Value(f"AGENT_MIND_{mind.name}"): mind for mind in Mind}


class Baseline(Enum):
    """What stands in for the agents, to compare with."""

    CAPTION_ONLY = "caption_only"
    SINGLE_AGENT = "single_agent"


_BASELINES: Final = {agents_pb2.AgentBaseline.Value(f"AGENT_BASELINE_{one.name}"): one for one in Baseline}


@dataclass(frozen=True, slots=True)
class Plan:
    """Checked options.

    Attributes:
        silent: Agents that have no say.
        baseline: What stands in for all of them; None: nothing.
        minds: What each agent thinks with; the validator always by rules.
    """

    silent: frozenset[Role] = frozenset()
    baseline: Baseline | None = None
    minds: Mapping[Role, Mind] = field(default_factory=dict)

    def mind(self, role: Role) -> Mind:
        """What an agent thinks with."""
        return self.minds.get(role, Mind.RULES)


def plan_of(options: agents_pb2.AgentOptions | None, *, usual: Mind, language: bool) -> Plan:
    """Check options.

    Args:
        options: As asked for; None: nothing is asked for.
        usual: What the agents think with where nothing is asked for.
        language: Whether there is a language model.

    Raises:
        InvalidArgument: A value that does not exist, or values that contradict each other.
        FailedPrecondition: A language model is asked for where there is none.
    """
    options = options if options is not None else agents_pb2.AgentOptions()
    silent = frozenset(_known(role, _ROLES, "without") for role in options.without)
    baseline = _known(options.baseline, _BASELINES, "baseline") if options.baseline else None
    if silent and baseline is not None:
        raise InvalidArgument("without goes without a baseline, which has no agents", field="without", limit="empty")
    everybody = _known(options.mind, _MINDS, "mind") if options.mind else usual
    minds = dict.fromkeys(Role, everybody)
    for choice in options.minds:
        minds[_known(choice.role, _ROLES, "minds")] = _known(choice.mind, _MINDS, "minds")
    minds[Role.VALIDATOR] = Mind.RULES
    if Mind.LLM in minds.values() and not language:
        raise FailedPrecondition("this server has no language model (LUCE_LLM_URL)", field="mind", limit="rules")
    return Plan(silent, baseline, minds)


def _known(value: int, names: Mapping[Any, T], where: str) -> T:
    found = names.get(value)
    if found is None:
        limit = ", ".join(sorted(str(getattr(name, "value", name)) for name in names.values()))
        raise InvalidArgument(f"{where}: {value} is none of {limit}", field=where, limit=limit)
    return found
