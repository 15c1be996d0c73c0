"""What people most often say of themselves in German."""

from memories.facts.patterns.grammar import Pattern
from memories.vocabulary import Category, Slot, TemporalState

PAST, FUTURE = TemporalState.PAST, TemporalState.FUTURE
NOW = r"(?:jetzt |gerade |momentan |aktuell |derzeit |auch |sehr |wirklich |seit \d{4} )?"
KIN = r"(?P<kin>schwester|bruder|mutter|vater|tochter|sohn|frau|mann|eltern|freundin|freund)"

GERMAN = (
    Pattern(says=r"ich hei(?:ß|ss)e <name>", template="Is named {name}.", category=Category.BIOGRAPHICAL),
    Pattern(says=r"mein name ist <name>", template="Is named {name}.", category=Category.BIOGRAPHICAL),
    Pattern(says=rf"ich bin {NOW}<number> jahre alt", template="Is {number} years old.", slot=Slot.AGE),
    Pattern(says=rf"ich (?:wohne|lebe) {NOW}in <place>", template="Lives in {place}.", slot=Slot.LOCATION),
    Pattern(
        says=r"ich bin (?:vor kurzem |gerade |jetzt )?(?:von [\w ]+? )?nach <place> (?:gezogen|umgezogen)",
        template="Lives in {place}.",
        slot=Slot.LOCATION,
    ),
    Pattern(
        says=r"ich (?:wohne|lebe) nicht (?:mehr|länger) in <place>",
        template="No longer lives in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
        negates="Lives in {place}.",
    ),
    Pattern(
        says=r"(?:früher (?:habe ich|wohnte ich|lebte ich)|ich (?:habe früher|habe|wohnte früher|"
        r"lebte früher)) in <place>"
        r"(?: gewohnt| gelebt|$)",
        template="Lived in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
    ),
    Pattern(
        says=r"(?:ich ziehe|\w+ \w+ ziehe ich)(?: \w+ \w+)?(?: bald)? nach <place>",
        template="Will move to {place}.",
        slot=Slot.LOCATION,
        state=FUTURE,
    ),
    Pattern(says=r"ich (?:bin|wurde) in <place> geboren", template="Was born in {place}.", slot=Slot.BIRTHPLACE),
    Pattern(
        says=rf"ich (?:arbeite|bin angestellt) {NOW}(?:bei|für) <org>", template="Works at {org}.", slot=Slot.EMPLOYER
    ),
    Pattern(
        says=r"ich arbeite nicht mehr (?:bei|für) <org>",
        template="No longer works at {org}.",
        slot=Slot.EMPLOYER,
        state=PAST,
        negates="Works at {org}.",
    ),
    Pattern(says=r"ich arbeite (?:bei <org> )?als <word>", template="Works as {word}.", slot=Slot.ROLE),
    Pattern(says=r"ich bin <word> von beruf", template="Works as {word}.", slot=Slot.ROLE),
    Pattern(says=r"meine? (?:chefin|chef) (?:ist|heißt) <name>", template="Has {name} as manager.", slot=Slot.MANAGER),
    Pattern(
        says=r"meine? (?P<spouse>frau|mann|freundin|freund) heißt <name>",
        template="Has a partner named {name}.",
        slot=Slot.PARTNER,
    ),
    Pattern(
        says=rf"meine? {KIN} (?P<does>wohnt|lebt|arbeitet|wohnen|leben) (?P<where>in|bei) <place>",
        confidence=0.85,
        template="Has family ({kin}) who {does} {where} {place}.",
        slot=Slot.FAMILY,
    ),
    Pattern(
        says=rf"ich (?:mag|liebe|esse gern|trinke gern) {NOW}<things>",
        template="Likes {thing}.",
        by_kind=True,
        negates="Dislikes {thing}.",
    ),
    Pattern(
        says=r"ich (?:hasse|mag kein(?:e|en)?) <things>",
        template="Dislikes {thing}.",
        by_kind=True,
        negates="Likes {thing}.",
    ),
    Pattern(says=r"ich bin allergisch (?:gegen|auf) <things>", template="Is allergic to {thing}.", slot=Slot.FOOD),
    Pattern(
        says=rf"ich bin {NOW}(?P<diet>vegetarier(?:in)?|veganer(?:in)?|vegan|laktoseintolerant)",
        template="Is {diet}.",
        slot=Slot.FOOD,
    ),
    Pattern(says=rf"ich lerne {NOW}<things>", template="Is learning {thing}.", slot=Slot.TOPIC, confidence=0.85),
    Pattern(says=r"ich spreche (?:fließend )?<things>", template="Speaks {thing}.", slot=Slot.SKILL),
    Pattern(
        says=r"ich habe <thing> (?:in|an der) (?P<where>[\w ]+) studiert",
        template="Studied {thing} ({where}).",
        slot=Slot.EDUCATION,
        state=PAST,
    ),
)
