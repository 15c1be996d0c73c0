"""What the wording of a question tells before any fact is looked at: what it is about, whom, and of what time.

Hints are words that a fact answers to because of its slot: "Is allergic to peanuts." holds neither "eat" nor "food",
but its slot is `food`. They count as if they stood in the fact, so they raise what it scores and never hide one. They
do not answer for other words: a location answers to "where" and "live", but "where does my sister live?" asks for a
sister as well.
"""

import re
from dataclasses import dataclass

from memories.facts.lexicon import fold, listed
from memories.facts.wording import asked_words
from memories.vocabulary import Slot

RECOMMEND = "recommend suggest recommande recomiendas empfehlen"
# The words, in their one form (see `wording`), that facts of a slot answer.
ANSWERED_BY: dict[str, frozenset[str]] = {
    slot: listed(words)
    for slot, words in {
        Slot.LOCATION: f"where live city home weather near local country restaurant {RECOMMEND}",
        Slot.BIRTHPLACE: "where born city country",
        Slot.AGE: "age",
        Slot.EMPLOYER: "where work company job",
        Slot.ROLE: "job work",
        Slot.PARTNER: "partner name",
        Slot.MANAGER: "manager name",
        Slot.EDUCATION: "education learn where",
        Slot.SKILL: "skill know language speak",
        Slot.PROJECT: "project work",
        Slot.TEAM: "team work",
        Slot.FRIEND: "friend",
        Slot.FAMILY: "family",
        Slot.COLLEAGUE: "colleague",
        Slot.TOPIC: "learn topics language",
        Slot.COURSE: "course learn",
        Slot.GOAL: "goal",
        Slot.FOOD: f"food eat allergy like dislike drink restaurant {RECOMMEND}",
        Slot.TECH: "tech use tool computer",
        Slot.HOBBY: "hobby like sport",
        Slot.LIFESTYLE: "habit",
    }.items()
}
# Whom, besides the user, a question or a fact may be about.
PEOPLE = listed(
    "sister brother sibling mother father parent child grandchild grandmother grandfather uncle aunt cousin nephew "
    "niece partner friend colleague manager roommate dog cat"
)
OF_OTHERS = frozenset({Slot.FAMILY, Slot.FRIEND, Slot.COLLEAGUE})

# What a question may demand, and how a fact that holds it reads where it does not use the word itself.
DEMANDS = {
    "number": re.compile(
        r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twins|no|only|single)\b", re.IGNORECASE
    ),
    "when": re.compile(
        r"\d|\b(?:daily|weekly|every|week|month|year|morning|noon|afternoon|evening|night|spring|summer|autumn|winter|"
        r"\w+day|january|february|march|april|may|june|july|august|september|october|november|december)s?\b",
        re.IGNORECASE,
    ),
    "where": re.compile(r"\b(?:in|at|from|to|near|à|en|bei)\b|住"),
    "age": re.compile(r"\d+.years? old\b|\bborn\b.*\d"),
    "name": re.compile(r"\b(?:named|called|name)\b|(?<!\bin)(?<!\bat)(?<!\bfrom)(?<!^)\s[A-ZÀ-Þ]"),
} | dict.fromkeys(
    listed(
        "birthday anniversary wedding email address password passport licence license plate id iban account creditcard "
        "salary budget weigh weight height tall size blood zodiac colour grade gpa wifi landlord"
    ),
    re.compile("(?!)"),  # by nothing but the word itself
)

WHO = re.compile(r"\b(?:who|whos|whose|anyone|anybody|someone|somebody|qui|quelqu|wer|jemand|quien|alguien)\b")
PERSONAL = re.compile(
    r"\b(?:i|me|my|mine|myself|we|us|our|je|j|moi|mon|ma|mes|nous|notre|nos|ich|mir|mich|mein\w*|wir|uns|unser\w*|yo|mi|mis|"
    r"nosotros|nuestr[oa]s?|tengo|soy|estoy|vivo|vivia|trabajo|naci|hablo|puedo|debo|deberia)\b|[我私僕]"
)
GENERAL = re.compile(
    r"\b(?:(?:you|to) (?:know|remember|have (?:learned|stored|saved))(?: so far)? (?:about|of) (?:me|us)"
    r"|(?:tell|remind|show|describe|summari[sz]e)(?: me)? (?:(?:something|everything|more|a bit|all) )?(?:about |who )?"
    r"(?:myself|me to me|my profile|i am)"
    r"|who am i|qui suis-je|wer bin ich|quien soy|(?:do you|tu|te) (?:know|remember) (?:me|who i am)"
    r"|(?:tu sais|vous savez|sais-tu|savez-vous) (?:de|sur) moi|parle(?:-| )moi de moi"
    r"|(?:weisst du|du) (?:alles )?(?:uber|von) mi(?:ch|r)(?: weisst)?|erzahl\w* mir (?:etwas |was |mehr )?uber mich"
    r"|(?:sabes|recuerdas|sabe) (?:de|sobre|acerca de) mi|hablame de mi)\s*[?.!]*$"
)


@dataclass(frozen=True)
class Asked:
    """A question as it reads. `words` are in their one form, without those that any question has."""

    words: tuple[str, ...]
    is_general: bool
    is_past: bool
    is_personal: bool
    asks_who: bool

    @property
    def people(self) -> frozenset[str]:
        return PEOPLE & frozenset(self.words)


def read(question: str) -> Asked:
    text, words = fold(question), asked_words(question)
    return Asked(
        words=tuple(word for word in words if word != "before"),
        is_general=GENERAL.search(text) is not None,
        is_past="before" in words,
        is_personal=PERSONAL.search(text) is not None,
        asks_who="family" in words or WHO.search(text) is not None,
    )
