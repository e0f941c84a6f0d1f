"""The model as MLflow loads it: texts in, labels with probabilities out.

MLflow runs this file by itself when it loads the model ("models from code"), with the copy of
`tasks/` that travels with the model on the path. Nothing here needs the hub, the data store or
the configuration: the package folder holds all.
"""

from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

from tasks.kinds.labels.package import Package

WORDS = "tasks.kinds.labels.classical_package:ClassicalPackage"


class PackagedClassifier(PythonModel):
    """A classifier with its labels, thresholds and text template: a transformer, or of words."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the package folder."""
        self.package = Package.load_any(context.artifacts["package"], WORDS)

    def predict(
        self,
        context: PythonModelContext,
        model_input: list[str],
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Labels that pass, by falling probability, and all probabilities.

        Args:
            context: given by MLflow.
            model_input: raw texts; the case's template is put around them.
            params: `{"rendered": true}` for texts that went through the template already.
        """
        rendered = bool((params or {}).get("rendered", False))
        return self.package.predict([str(text) for text in model_input], rendered=rendered)


mlflow.models.set_model(PackagedClassifier())
