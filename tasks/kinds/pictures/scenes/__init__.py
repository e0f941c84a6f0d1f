"""The sample: scenes that are drawn on first use, with questions and annotators' answers."""
