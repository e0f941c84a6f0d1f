"""Reward models: which of two answers to a question is better, learned from comparisons."""
