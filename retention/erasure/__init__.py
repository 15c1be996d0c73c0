"""Erasure: what goes with a subject, that it goes, and the proof that nothing is left."""
