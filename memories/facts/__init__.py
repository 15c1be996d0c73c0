"""Facts about end users (SPEC §6): read from their turns, decided upon, stored, recalled, consolidated and corrected.

Pure are `statements` (what is said), `supersession` and `decisions` (what becomes of it), `confidence` (how it fades),
`duplicates`, `rules` (reading without a language model) and `relevance`; the others bring rows and models to them.
"""
