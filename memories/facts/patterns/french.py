"""What people most often say of themselves in French. "j'" is written "je" before."""

from memories.facts.patterns.grammar import Pattern
from memories.vocabulary import Category, Slot, TemporalState

PAST, FUTURE = TemporalState.PAST, TemporalState.FUTURE
NOW = r"(?:maintenant |actuellement |aussi |vraiment |beaucoup |bien )?"
IN = r"(?:à|au|aux|en|dans)"
THE = r"(?:les? |la |l'|l’|des? |du )?"
KIN = r"(?P<kin>s(?:œ|oe)ur|frère|mère|père|fille|fils|femme|mari|parents)"

FRENCH = (
    Pattern(says=r"je m['’]appelle <name>", template="Is named {name}.", category=Category.BIOGRAPHICAL),
    Pattern(says=r"mon (?:nom|prénom) est <name>", template="Is named {name}.", category=Category.BIOGRAPHICAL),
    Pattern(says=r"je ai <number> ans", template="Is {number} years old.", slot=Slot.AGE),
    Pattern(says=rf"je (?:habite|vis) {NOW}{IN} <place>", template="Lives in {place}.", slot=Slot.LOCATION),
    Pattern(
        says=rf"je (?:viens de |ai )?(?:déménager|déménagé|emménagé) {IN} <place>",
        template="Lives in {place}.",
        slot=Slot.LOCATION,
    ),
    Pattern(
        says=rf"je (?:ne |n['’])?(?:habite|vis) plus {IN} <place>",
        template="No longer lives in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
        negates="Lives in {place}.",
    ),
    Pattern(
        says=rf"(?:avant,? )?je (?:habitais|vivais|ai habité|ai vécu) {IN} <place>",
        template="Lived in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
    ),
    Pattern(
        says=rf"je (?:vais déménager|déménage) {IN} <place>",
        template="Will move to {place}.",
        slot=Slot.LOCATION,
        state=FUTURE,
    ),
    Pattern(says=rf"je suis née? {IN} <place>", template="Was born in {place}.", slot=Slot.BIRTHPLACE),
    Pattern(says=rf"je travaille {NOW}(?:chez|pour) <org>", template="Works at {org}.", slot=Slot.EMPLOYER),
    Pattern(
        says=r"je (?:ne )?travaille plus (?:chez|pour) <org>",
        template="No longer works at {org}.",
        slot=Slot.EMPLOYER,
        state=PAST,
        negates="Works at {org}.",
    ),
    Pattern(says=r"je travaille (?:(?:chez|pour) <org> )?comme <word>", template="Works as {word}.", slot=Slot.ROLE),
    Pattern(
        says=r"ma? (?:chef|cheffe|manager|patron|patronne) (?:est|s['’]appelle) <name>",
        template="Has {name} as manager.",
        slot=Slot.MANAGER,
    ),
    Pattern(
        says=r"(?:ma|mon) (?:femme|mari|compagne|compagnon) (?:s['’]appelle|est) <name>",
        template="Has a partner named {name}.",
        slot=Slot.PARTNER,
    ),
    Pattern(
        says=rf"(?:ma|mon|mes) {KIN} (?P<does>habitent?|vit|vivent|travaille) (?P<where>{IN}|chez) <place>",
        template="Has family ({kin}) who {does} {where} {place}.",
        slot=Slot.FAMILY,
        confidence=0.85,
    ),
    Pattern(
        says=rf"je (?:aime|adore) {NOW}{THE}<things>",
        template="Likes {thing}.",
        by_kind=True,
        negates="Dislikes {thing}.",
    ),
    Pattern(
        says=rf"je (?:déteste|(?:ne |n['’])?aime pas) {THE}<things>",
        template="Dislikes {thing}.",
        by_kind=True,
        negates="Likes {thing}.",
    ),
    Pattern(
        says=rf"je suis allergique (?:aux? |à la |à l['’]|à ){THE}<things>",
        template="Is allergic to {thing}.",
        slot=Slot.FOOD,
    ),
    Pattern(says=rf"je suis {NOW}(?P<diet>végétarien(?:ne)?|végane?|vegan)", template="Is {diet}.", slot=Slot.FOOD),
    Pattern(
        says=rf"je (?:apprends|suis en train d['’]apprendre) {THE}<things>",
        template="Is learning {thing}.",
        slot=Slot.TOPIC,
        confidence=0.85,
    ),
    Pattern(says=rf"je parle (?:couramment )?{THE}<things>", template="Speaks {thing}.", slot=Slot.SKILL),
)
