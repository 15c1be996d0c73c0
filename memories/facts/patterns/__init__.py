"""What the offline extractor recognises, as tables: one module a language, and the words they share."""

from memories.facts.patterns.english import ENGLISH
from memories.facts.patterns.english_interests import ENGLISH_INTERESTS
from memories.facts.patterns.french import FRENCH
from memories.facts.patterns.german import GERMAN
from memories.facts.patterns.spanish import SPANISH

PATTERNS = (*ENGLISH, *ENGLISH_INTERESTS, *GERMAN, *FRENCH, *SPANISH)
