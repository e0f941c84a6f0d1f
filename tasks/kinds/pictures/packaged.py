"""The model of pictures as MLflow loads it: questions about pictures in, answers out.

MLflow runs this file by itself when it loads the model ("models from code"), with the copy of
`tasks/` that travels with the model on the path. Nothing here needs the hub, the data store or
the configuration: the package folder holds all.
"""

from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

from tasks.kinds.pictures.package import PicturePackage
from tasks.kinds.pictures.records import PictureQuestion


class PackagedPictures(PythonModel):
    """Three models joined by cross-attention, with their tokenizers and preparation of pictures."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the package folder."""
        self.package = PicturePackage.load(context.artifacts["package"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: list[PictureQuestion],
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """`answer`, `confidence`, `confidence_geometric`, `stopped` and `tokens` of each record.

        Args:
            context: given by MLflow.
            model_input: questions, each with a picture as base64 or as a path.
            params: see `PicturePackage.predict`; 0 beams are the package's own.
        """
        return self.package.predict(model_input, params)


mlflow.models.set_model(PackagedPictures())
