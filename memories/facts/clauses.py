"""What a turn states: its clauses, without questions, suppositions, quotations and material to work on."""

import re
from collections.abc import Iterator

WORDS_MIN = 2
APOSTROPHE = str.maketrans({"’": "'", "‘": "'"})
NOT_THEIR_WORDS = re.compile(
    r"```.*?(?:```|\Z)|^[ \t]*>[^\n]*$|\"(?:[^\"]{0,300}\b(?:I|my|ich|je|yo)\b[^\"]{0,300}|"
    r"(?:[^\s\"]+\s){3,60}[^\s\"]+)\"|"
    r"“[^”]{0,600}”|«[^»]{0,600}»",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
# From here on a turn is material to work on, or play.
TASK = re.compile(
    r"\b(?:translate|proofread|rewrite|rephrase|paraphrase|summari[sz]e|repeat after me|role-?play|pretend|imagine|"
    r"suppose|"
    r"assume|hypothetically|let's say|what if|(?:write|tell|compose) (?:me )?(?:an?|the) (?:\w+ )?(?:story|poem|"
    r"song|dialogue|"
    r"scene|joke|letter|email)|in (?:my|the) (?:story|novel|game|dream)|my character|for example|e\.g\.|"
    r"ignore (?:all |any )?"
    r"(?:previous|prior|earlier)|you are now|übersetze|angenommen|stell dir vor|traduis|traduisez|imagine que|traduce|"
    r"imagina|supongamos)\b",
    re.IGNORECASE,
)
SUPPOSED = re.compile(
    r"\b(?:if|unless|would|could|might|may be|wish|maybe|perhaps|probably|as if|thinking (?:of|about)|considering|"
    r"wenn|falls|"
    r"würde|wäre|vielleicht|si|peut-être|quizás|tal vez)\b",
    re.IGNORECASE,
)
LONG_AGO = re.compile(r"^(?:when|while|as) (?:I was|we were|a (?:kid|child))\b", re.IGNORECASE)
ASKS = re.compile(
    r"^(?:do|does|did|am|is|are|was|were|should|shall|can|could|would|will|have|has|where|what|who|whom|when|why|"
    r"how|which)\b",
    re.IGNORECASE,
)
TAG = re.compile(
    r",\s*(?:right|correct|yes|no|ok|isn't it|don't I|am I not|oder|nicht wahr|non|verdad|no)\s*\?$", re.IGNORECASE
)
GREETING = r"hi|hello|hey|hallo|guten tag|bonjour|salut|hola"
ORIGIN = r"\w+(?:ish|ese|ian|ench)\b|German|American|Mexican|Korean|Greek|Dutch|Muslim|Jewish|Catholic"
INTRODUCTION = (
    rf"^(?:{GREETING})(?: there| all| everyone)?[,!]? (?:this is|I am|ich bin|je suis|(?:yo )?soy) (?!{ORIGIN})"
    r"(?=(?-i:[A-ZÀ-Þ]))"
)
WRITTEN_OUT = [
    (re.compile(pattern, re.IGNORECASE), written)
    for pattern, written in (
        (r"\bI'm\b", "I am"),
        (r"\bI've\b", "I have"),
        (r"\bI'll\b", "I will"),
        (r"\bI'd\b", "I would"),
        (r"\bwe're\b", "we are"),
        (r"\bwe've\b", "we have"),
        (r"\bwe'll\b", "we will"),
        (r"\b(name|wife|job)'s\b", r"\1 is"),
        (r"\bcan(?:'t|not)\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"\b(j|n)'(?=[aehiouyéèêh])", r"\1e "),
        (r"\b(my \w+) and I\b", r"\1 & I"),
        (r"^just (?=moved|turned|started|joined|got|quit)", "I just "),
        (INTRODUCTION, "my name is "),
    )
]
SUBJECT = r"(?:I|my|we|ich|mein\w*|je|mon|ma|yo|mi|me|vivo|trabajo|tengo|soy|hablo)\b"
CLAUSE_END = re.compile(
    rf"\s*[;:()–—]\s*|\s-\s|,?\s+(?:and|but|so|because|although|though|while|und|aber|denn|et|mais|car|y|pero|"
    rf"porque)\s+"
    rf"(?={SUBJECT})|,\s+(?={SUBJECT})",
    re.IGNORECASE,
)
SAME_SUBJECT = re.compile(
    r"\s+and\s+(?=(?:work|live|study|speak|use|love|like|hate|play|have|enjoy|prefer|moved|joined)\b)", re.IGNORECASE
)
OPENER = re.compile(
    r"^(?:(?:hi|hello|hey|well|so|oh|oops|ok|okay|yes|yeah|no|nope|actually|sorry|anyway|honestly|btw|by the way|"
    r"fyi|also|and|but|"
    r"right now|now|currently|nowadays|these days|today|just so you know|note that|(?:please )?remember(?: that)?|"
    r"for context|"
    r"as I said|back in the day|(?:next|this) (?:\w+)|in (?:\d+|a few|two|three) (?:weeks|months|years)|"
    r"in (?:january|february|"
    r"march|april|may|june|july|august|september|october|november|december)|soon|tomorrow)\b[,:!]?\s+)+(?=\S)",
    re.IGNORECASE,
)


def clauses(text: str) -> Iterator[str]:
    """The clauses of a turn that state something, contractions written out, openers ("Well, …") taken off."""
    text = re.sub(r"[^\S\n]+", " ", text.translate(APOSTROPHE))
    text = NOT_THEIR_WORDS.sub(" … ", text)
    if task := TASK.search(text):
        text = text[: task.start()]
    for sentence in re.split(r"(?<=[.!?…])\s+|\n+", text):
        yield from _stated(sentence.strip())


def _stated(sentence: str) -> Iterator[str]:
    if sentence.endswith("?"):
        sentence = _before_the_question(sentence)
    if re.match(r"(?:if|wenn|si)\b", sentence, re.IGNORECASE) or LONG_AGO.match(sentence):
        return
    for clause in _split(_written_out(sentence.rstrip(".!… "))):
        if len(clause.split()) >= WORDS_MIN and not SUPPOSED.search(clause):
            yield clause


def _before_the_question(sentence: str) -> str:
    """ "I'm vegan, what can I cook?" states something before it asks."""
    if TAG.search(sentence) or ASKS.match(sentence) or "," not in sentence:
        return ""
    return sentence.rpartition(",")[0]


def _written_out(sentence: str) -> str:
    for contraction, written in WRITTEN_OUT:
        sentence = contraction.sub(written, sentence)
    return sentence


def _split(sentence: str) -> Iterator[str]:
    for clause in CLAUSE_END.split(sentence):
        first, *others = SAME_SUBJECT.split(OPENER.sub("", clause.strip()))
        yield first
        if re.match(r"I\b", first, re.IGNORECASE):
            yield from (f"I {other}" for other in others)
