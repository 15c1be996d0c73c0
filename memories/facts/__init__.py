"""Facts about end users (SPEC §6): what is extracted from their turns, what replaces what, and how it fades.

Everything here is pure: data and the time come in, data goes out. `vocabulary` names the parts of a fact,
`statements` holds what is said, `supersession` decides what becomes of it, `confidence` lets it fade, and `rules` reads
turns without a language model.
"""
