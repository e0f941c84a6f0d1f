"""Visual question answering data in the layout of VQA v2: read, audited, selected, split, drawn."""
