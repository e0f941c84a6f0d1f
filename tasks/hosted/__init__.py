"""Hosted models: a case's parts as JSONL, and a hosted model as one more arm of the sweep.

Only `tasks/network/hosted.py` talks to the API; what lies here decides what is said to it.
"""
