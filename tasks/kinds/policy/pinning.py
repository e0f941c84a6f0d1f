"""What a policy case starts from and is rewarded by, looked up once and then fixed for a sweep.

Two arms of a sweep must not start from different champions because one was promoted in between.
"""

from pydantic import BaseModel, ConfigDict

from tasks.config import LanguageConfig, PolicyCase, RewardConfig
from tasks.config.case_files import ships
from tasks.kinds.policy.reward_models import FIELD, build_reward
from tasks.kinds.writing.package import WriterInfo
from tasks.models.base_models import LocatedModel, locate
from tasks.registry.stages import Registered, fetch, is_reference, locate_start, package_folder
from tasks.tracking import Tracker

# What a prompt depends on; the rest of a writer's language is how answers were searched for.
PROMPT = ("template", "instruction", "source_name", "target_name")


class Pinned(BaseModel):
    """A policy case whose models are fixed.

    Attributes:
        config: the case, with versions in place of aliases, and with the prompt that the model
            it starts from was trained on.
        base: the model that it starts from.
        reward_digests: of the model behind each reward, empty for a plain function.
        untouched: the model that the start itself was trained from, and its digest; None where
            the start is a base model as it comes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: PolicyCase
    base: LocatedModel
    reward_digests: tuple[str, ...]
    untouched: tuple[str, str] | None = None

    @property
    def params(self) -> dict[str, str]:
        """The models with their digests, as a sweep's run keeps them."""
        rewards = zip(self.config.rewards, self.reward_digests, strict=True)
        return {"start": f"{self.base.name} {self.base.digest[:16]}"} | {
            f"reward.{reward.title}": f"{reward.model or reward.function} {digest[:16]}".strip()
            for reward, digest in rewards
        }


def pin(config: PolicyCase, tracker: Tracker) -> Pinned:
    """Resolve the start and the rewards of a policy case, and prove that the rewards load.

    Raises:
        RequestError: a model that there is not (says which flow makes it), or that cannot be
            what it is named for; a label that a model does not have.
        ThawError: a model cannot be fetched or loaded.
    """
    base, untouched, language = _start(config, tracker)
    rewards, digests = pin_rewards(config, tracker)
    for pinned, digest in zip(rewards, digests, strict=True):
        build_reward(pinned, digest)  # a wrong label must not wait for the first arm
    model = config.model.model_copy(update={"base": base.name})
    changed = {"model": model, "language": language, "rewards": rewards}
    return Pinned(
        config=config.model_copy(update=changed),
        base=base,
        reward_digests=digests,
        untouched=untouched,
    )


def pin_rewards(
    config: PolicyCase, tracker: Tracker
) -> tuple[tuple[RewardConfig, ...], tuple[str, ...]]:
    """The rewards of a policy case with versions in place of aliases, and their models' digests."""
    found = [_reward(reward, tracker, _profile(config)) for reward in config.rewards]
    return tuple(reward for reward, _ in found), tuple(digest for _, digest in found)


def _start(
    config: PolicyCase, tracker: Tracker
) -> tuple[LocatedModel, tuple[str, str] | None, LanguageConfig]:
    name = config.model.base
    if not is_reference(name):
        return locate(name), None, config.language
    found = fetch(name, tracker, _profile(config))
    located = locate_start(found.reference, found.digest)
    text = (package_folder(found.digest) / "package.json").read_text(encoding="utf-8")
    spoken = WriterInfo.model_validate_json(text).language
    prompt = {field: getattr(spoken, field) for field in PROMPT}
    return located, _untouched(found, tracker), config.language.model_copy(update=prompt)


def _untouched(start: Registered, tracker: Tracker) -> tuple[str, str] | None:
    if start.base is None:
        return None
    if is_reference(start.base):
        found = fetch(start.base, tracker)
        return found.reference, found.digest
    return start.base, locate(start.base).digest


def _profile(config: PolicyCase) -> str | None:
    """Of a shipped case; a user's own names itself what it starts from."""
    return config.profile if ships(config.case) else None


def _reward(
    config: RewardConfig, tracker: Tracker, profile: str | None
) -> tuple[RewardConfig, str]:
    """The part with a version in place of an alias, under the name that it had; its digest."""
    if config.model is None:
        return config, ""
    if not is_reference(config.model):
        return config, locate(config.model, FIELD).digest
    found = fetch(config.model, tracker, profile)
    return (
        config.model_copy(update={"name": config.title, "model": found.reference}),
        found.digest,
    )
