"""What people most often say of themselves in Spanish."""

from memories.facts.patterns.grammar import Pattern
from memories.vocabulary import Category, Slot, TemporalState

PAST, FUTURE = TemporalState.PAST, TemporalState.FUTURE
NOW = r"(?:ahora |actualmente |también |mucho )?"
THE = r"(?:el |la |los |las )?"
KIN = r"(?P<kin>hermana|hermano|madre|padre|hija|hijo|esposa|marido|padres)"

SPANISH = (
    Pattern(says=r"(?:yo )?me llamo <name>", template="Is named {name}.", category=Category.BIOGRAPHICAL),
    Pattern(says=r"mi nombre es <name>", template="Is named {name}.", category=Category.BIOGRAPHICAL),
    Pattern(says=r"(?:yo )?tengo <number> años", template="Is {number} years old.", slot=Slot.AGE),
    Pattern(says=rf"(?:yo )?{NOW}vivo {NOW}en <place>", template="Lives in {place}.", slot=Slot.LOCATION),
    Pattern(
        says=r"(?:yo )?me (?:acabo de mudar|mudé|he mudado) a <place>", template="Lives in {place}.", slot=Slot.LOCATION
    ),
    Pattern(
        says=r"(?:yo )?(?:ya )?no vivo (?:más )?en <place>",
        template="No longer lives in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
        negates="Lives in {place}.",
    ),
    Pattern(
        says=r"(?:antes )?(?:yo )?(?:vivía|viví) (?:antes )?en <place>",
        template="Lived in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
    ),
    Pattern(
        says=r"(?:yo )?me (?:voy a mudar|mudaré|mudo) a <place>",
        template="Will move to {place}.",
        slot=Slot.LOCATION,
        state=FUTURE,
    ),
    Pattern(says=r"(?:yo )?nací en <place>", template="Was born in {place}.", slot=Slot.BIRTHPLACE),
    Pattern(says=rf"(?:yo )?{NOW}trabajo {NOW}(?:en|para) <org>", template="Works at {org}.", slot=Slot.EMPLOYER),
    Pattern(
        says=r"(?:yo )?ya no trabajo (?:en|para) <org>",
        template="No longer works at {org}.",
        slot=Slot.EMPLOYER,
        state=PAST,
        negates="Works at {org}.",
    ),
    Pattern(
        says=r"(?:yo )?trabajo (?:(?:en|para) <org> )?(?:como|de) <word>", template="Works as {word}.", slot=Slot.ROLE
    ),
    Pattern(says=r"mi (?:jefa|jefe) (?:es|se llama) <name>", template="Has {name} as manager.", slot=Slot.MANAGER),
    Pattern(
        says=r"mi (?:esposa|esposo|marido|mujer|novia|novio|pareja) (?:es|se llama) <name>",
        template="Has a partner named {name}.",
        slot=Slot.PARTNER,
    ),
    Pattern(
        says=rf"mis? {KIN} (?P<does>viven?|trabajan?) (?P<where>en) <place>",
        slot=Slot.FAMILY,
        confidence=0.85,
        template="Has family ({kin}) who {does} {where} {place}.",
    ),
    Pattern(
        says=rf"(?:a mí )?me (?:gustan?|encantan?) {NOW}{THE}<things>",
        template="Likes {thing}.",
        by_kind=True,
        negates="Dislikes {thing}.",
    ),
    Pattern(
        says=rf"(?:odio|no me gustan?) {THE}<things>",
        template="Dislikes {thing}.",
        by_kind=True,
        negates="Likes {thing}.",
    ),
    Pattern(
        says=rf"(?:yo )?soy alérgic[oa] (?:al |a ){THE}<things>", template="Is allergic to {thing}.", slot=Slot.FOOD
    ),
    Pattern(says=r"(?:yo )?soy (?P<diet>vegetarian[oa]|vegan[oa])", template="Is {diet}.", slot=Slot.FOOD),
    Pattern(
        says=rf"(?:yo )?estoy aprendiendo {THE}<things>",
        template="Is learning {thing}.",
        slot=Slot.TOPIC,
        confidence=0.85,
    ),
    Pattern(says=rf"(?:yo )?hablo {THE}<things>", template="Speaks {thing}.", slot=Slot.SKILL),
)
