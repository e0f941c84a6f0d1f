"""The model of a number as MLflow loads it: texts in, a number for each out.

MLflow runs this file by itself when it loads the model ("models from code"), with the copy of
`tasks/` that travels with the model on the path. Nothing here needs the hub, the data store or
the configuration: the package folder holds all.
"""

from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

from tasks.registry.asked import model_inputs
from tasks.registry.package_folder import load_package

ON_BASE = "tasks.kinds.numbers.package:NumberPackage"
WORDS = "tasks.kinds.numbers.classical_package:ClassicalNumber"


class PackagedNumber(PythonModel):
    """A model of a number with its scale and text template: a transformer, or of words."""

    _skip_type_hint_validation = True

    def load_context(self, context: PythonModelContext) -> None:
        """Read the package folder."""
        self.package = load_package(context.artifacts["package"], ON_BASE, WORDS)

    def predict(
        self,
        context: PythonModelContext,
        model_input: Any,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The number of each text, and its unit where it has one.

        Args:
            context: given by MLflow.
            model_input: texts, records or a data frame with the case's columns; its template is
                put around them.
            params: `{"rendered": true}` for texts that went through the template already.
        """
        rendered = bool((params or {}).get("rendered", False))
        texts = model_inputs(model_input, self.package.info.data, rendered)
        return self.package.predict(texts, rendered=True)


mlflow.models.set_model(PackagedNumber())
