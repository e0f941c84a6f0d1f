"""The reward model as MLflow loads it: questions with answers in, rewards out.

MLflow runs this file by itself when it loads the model ("models from code"), with the copy of
`tasks/` that travels with the model on the path. Nothing here needs the hub, the data store or
the configuration: the package folder holds all.
"""

from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

from tasks.registry.package_folder import load_package

ON_BASE = "tasks.kinds.ranking.package:RewardModel"
WORDS = "tasks.kinds.ranking.classical_package:ClassicalReward"


class PackagedRewardModel(PythonModel):
    """A reward model: a transformer with its tokenizer, or one of words."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the package folder."""
        self.package = load_package(context.artifacts["package"], ON_BASE, WORDS)

    def predict(
        self,
        context: PythonModelContext,
        model_input: list[dict[str, str] | str],
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The `reward` of each record.

        Args:
            context: given by MLflow.
            model_input: `{"question": ..., "answer": ...}`, or answers as texts.
            params: see `Rewarding.predict`; an empty question is none.
        """
        return self.package.predict(model_input, params)


mlflow.models.set_model(PackagedRewardModel())
