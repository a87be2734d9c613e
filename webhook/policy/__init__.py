"""Policies: what administrators write, read once into an immutable book that pods are judged by. No I/O, no clock.

A file's bytes become `documents`, a document becomes a `model` (or faults, each with its line), `compile` makes of it
the `Policy` of `book` with its `matching` and its `rules` about images, and `lint` says what is valid but weak. Trust
roots that stand beside policies become `trust_roots`: where to get them, and no more.
"""
