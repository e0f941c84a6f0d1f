"""The language model as MLflow loads it: texts in, answers out.

MLflow runs this file by itself when it loads the model ("models from code"), with the copy of
`tasks/` that travels with the model on the path. Nothing here needs the hub, the data store or
the configuration: the package folder holds all.
"""

from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

from tasks.kinds.writing.package import Writer
from tasks.registry.asked import model_inputs


class PackagedWriter(PythonModel):
    """A language model with its tokenizer and prompt."""

    _skip_type_hint_validation = True

    def load_context(self, context: PythonModelContext) -> None:
        """Read the package folder."""
        self.package = Writer.load(context.artifacts["package"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: Any,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """`answer`, `stopped` and `tokens` of each text.

        Args:
            context: given by MLflow.
            model_input: texts, records or a data frame with the case's columns; its prompt is put
                around them.
            params: see `Writer.predict`; 0 beams are the case's own.
        """
        given = params or {}
        texts = model_inputs(model_input, self.package.info.data, bool(given.get("rendered")))
        return self.package.predict(texts, {**given, "rendered": True})


mlflow.models.set_model(PackagedWriter())
