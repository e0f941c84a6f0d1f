"""Visual question answering: three models joined by cross-attention, frozen part by part.

    thaw run vqa
    thaw run vqa -o data.path=FOLDER -o vqa.image_encoder=FOLDER -o strategies=encoders
    thaw run vqa -o 'grid.vqa.fusion=[sequence,mean,product]'

A text encoder reads the question, an image encoder the picture, and a decoder that attends to
both writes the answer. The sample is drawn on first use: scenes of coloured shapes, with questions
that one cannot answer without looking.
"""

from flows.case_flow import case_flow

vqa = case_flow("vqa", "Compare what to freeze of three joined models", __name__)
