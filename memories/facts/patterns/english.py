"""What people say in English of themselves, their work and their people.

Contractions are written out before ("I am", "do not").
"""

from memories.facts.patterns.grammar import Pattern, is_language, is_no_tool, is_skill
from memories.vocabulary import Category, Slot, TemporalState

PAST, FUTURE = TemporalState.PAST, TemporalState.FUTURE
NOW = r"(?:now |currently |still |actually |also |really |just |recently |finally |mostly |mainly )?"
ANYMORE = r"(?: any ?more| any longer)"

DOES = r"(?:lives?|works?|studies|moved|speaks|plays|likes|loves|hates|has|was born|were born) "
IS = r"(?:is|are) (?=an? |the |from |in |allergic |married |vegan|vegetarian|\d)"

ABOUT_THE_PERSON = (
    Pattern(
        says=rf"my (?:full |first )?name is {NOW}<name>", template="Is named {name}.", category=Category.BIOGRAPHICAL
    ),
    Pattern(
        says=r"(?:(?:please )?call me|I go by|I prefer to be called) <name>",
        template="Is called {name}.",
        category=Category.BIOGRAPHICAL,
    ),
    Pattern(says=rf"I am {NOW}<number> years old", template="Is {number} years old.", slot=Slot.AGE),
    Pattern(says=rf"I am {NOW}(?=\d\d$)<number>", template="Is {number} years old.", slot=Slot.AGE, confidence=0.8),
    Pattern(says=rf"I {NOW}turned <number>(?! \w+s\b)", template="Is {number} years old.", slot=Slot.AGE),
    Pattern(
        says=rf"(?:we|I) {NOW}(?:live|am living|are living|reside|am based|am located) in <place>",
        template="Lives in {place}.",
        slot=Slot.LOCATION,
    ),
    Pattern(
        says=rf"(?:we|I) (?:have )?{NOW}(?:moved|relocated) (?:here )?(?:from [\w, ]+? )?to <place>",
        template="Lives in {place}.",
        slot=Slot.LOCATION,
        only=is_no_tool,
    ),
    Pattern(
        says=r"I used to live in <place>",
        template="Used to live in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
        negates="Lives in {place}.",
    ),
    Pattern(
        says=r"I (?:lived|grew up|was living|was raised) in <place>",
        template="Lived in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
    ),
    Pattern(
        says=rf"I (?:no longer live|do not live|am no longer living|have moved away|moved away|moved out) "
        rf"(?:in|from|of) <place>(?:{ANYMORE})?",
        template="No longer lives in {place}.",
        slot=Slot.LOCATION,
        state=PAST,
        negates="Lives in {place}.",
    ),
    Pattern(
        says=r"(?:we are|I am|I will be|we will be|I will|we will|I am going to|we are going to) "
        r"(?:soon )?(?:moving|relocating|move|relocate) (?:from [\w, ]+? )?to <place>",
        template="Will move to {place}.",
        slot=Slot.LOCATION,
        state=FUTURE,
    ),
    Pattern(says=r"I was born (?:and raised )?in <place>", template="Was born in {place}.", slot=Slot.BIRTHPLACE),
    Pattern(
        says=r"I am originally from <place>",
        template="Is originally from {place}.",
        slot=Slot.BIRTHPLACE,
        confidence=0.8,
    ),
    Pattern(
        says=r"I (?:have|got|hold) (?P<a>an? )(?P<degree>(?:bachelor's|master's|doctoral|law|medical|phd|mba|associate)"
        r"(?: degree)?)(?P<subject> in <thing>)?",
        template="Has {a}{degree}{subject}.",
        slot=Slot.EDUCATION,
        whole=True,
    ),
    Pattern(
        says=r"I (?:studied|majored in) <thing>(?: at <org>)",
        template="Studied {thing} at {org}.",
        whole=True,
        slot=Slot.EDUCATION,
        state=PAST,
    ),
    Pattern(
        says=r"I (?:studied|majored in) (?!.* at )<thing>",
        template="Studied {thing}.",
        whole=True,
        slot=Slot.EDUCATION,
        state=PAST,
    ),
    Pattern(
        says=r"I (?:graduated from|went to|studied at) <org>(?= university| college| in \d{4}|,|$| with)",
        template="Studied at {org}.",
        slot=Slot.EDUCATION,
        state=PAST,
        confidence=0.85,
    ),
    Pattern(
        says=r"I (?:study|am studying) <thing> at <org>",
        template="Studies {thing} at {org}.",
        whole=True,
        slot=Slot.EDUCATION,
    ),
    Pattern(
        says=r"I (?:am going to|will) study <thing> at <org>",
        template="Will study {thing} at {org}.",
        whole=True,
        slot=Slot.EDUCATION,
        state=FUTURE,
    ),
)

AT_WORK = (
    Pattern(
        says=rf"I {NOW}(?:work|am working|am employed) (?:at|for|with) <org>",
        template="Works at {org}.",
        slot=Slot.EMPLOYER,
    ),
    Pattern(
        says=rf"I (?:have )?{NOW}(?:joined|started (?:(?:a new job|work|working) )?at) <org>",
        template="Works at {org}.",
        only=is_no_tool,
        slot=Slot.EMPLOYER,
        confidence=0.85,
    ),
    Pattern(
        says=rf"I am {NOW}(?:an? |the )?<job> (?:at|for|with) <org>", template="Works at {org}.", slot=Slot.EMPLOYER
    ),
    Pattern(says=r"my (?:new |current )?employer is <org>", template="Works at {org}.", slot=Slot.EMPLOYER),
    Pattern(
        says=r"I (?:used to work|was working|was employed|worked) (?:at|for|with) <org>",
        template="Worked at {org}.",
        slot=Slot.EMPLOYER,
        state=PAST,
    ),
    Pattern(
        says=rf"I (?:no longer work|do not work|am no longer|am not) (?:at|for|with) <org>(?:{ANYMORE})?",
        template="No longer works at {org}.",
        slot=Slot.EMPLOYER,
        state=PAST,
        negates="Works at {org}.",
    ),
    Pattern(
        says=r"I (?:have )?(?:just )?(?:quit|left|lost) my job (?:at|with) <org>",
        template="No longer works at {org}.",
        slot=Slot.EMPLOYER,
        state=PAST,
        negates="Works at {org}.",
    ),
    Pattern(
        says=r"I (?:was|got|have been) (?:laid off|fired|let go) (?:from|by) <org>",
        state=PAST,
        template="No longer works at {org}.",
        slot=Slot.EMPLOYER,
        negates="Works at {org}.",
    ),
    Pattern(
        says=r"I (?:have )?(?:just )?(?:quit|left|lost) my job(?! (?:at|with|as))",
        template="Left their job.",
        slot=Slot.EMPLOYER,
        state=PAST,
        negates="",
    ),
    Pattern(
        says=r"I (?:will (?:be )?|am )?(?:start|starting|join|joining)(?: (?:a new job|work|working))?(?: at)? <org>",
        template="Will start at {org}.",
        slot=Slot.EMPLOYER,
        state=FUTURE,
    ),
    Pattern(says=rf"I am {NOW}(?P<a>an? |the )<job>(?! of)", template="Works as {a}{job}.", slot=Slot.ROLE),
    Pattern(
        says=rf"I {NOW}work (?:(?:at|for|with) <org> )?as (?P<a>an? |the )?<job>",
        template="Works as {a}{job}.",
        slot=Slot.ROLE,
    ),
    Pattern(
        says=r"my (?:job|role|profession|position|job title) is (?P<a>an? |the )?<job>",
        template="Works as {a}{job}.",
        slot=Slot.ROLE,
    ),
    Pattern(
        says=r"I (?:was|used to be|worked as|used to work as) (?P<a>an? |the )<job>",
        template="Worked as {a}{job}.",
        slot=Slot.ROLE,
        state=PAST,
    ),
    Pattern(
        says=rf"I am (?:no longer|not) (?P<a>an? |the )<job>(?:{ANYMORE})?",
        template="No longer works as {a}{job}.",
        slot=Slot.ROLE,
        state=PAST,
        negates="Works as {a}{job}.",
    ),
    Pattern(
        says=r"my (?:boss|manager|supervisor|line manager) is (?:called |named )?<name>",
        template="Has {name} as manager.",
        slot=Slot.MANAGER,
    ),
    Pattern(
        says=r"my (?:boss|manager|supervisor|line manager), <name>(?=,|$)",
        template="Has {name} as manager.",
        slot=Slot.MANAGER,
    ),
    Pattern(says=r"I report to <name>", template="Has {name} as manager.", slot=Slot.MANAGER),
    Pattern(
        says=rf"I am {NOW}(?:on|in|part of) the <thing> team",
        template="Is on the {thing} team.",
        whole=True,
        slot=Slot.TEAM,
    ),
    Pattern(
        says=rf"I am {NOW}(?:working on|building|developing|creating) (?P<a>an? |the |my )"
        r"(?!problem|bug|issue|ticket|task|thing|report)<doing>",
        template="Is working on {a}{doing}.",
        slot=Slot.PROJECT,
        confidence=0.8,
    ),
    Pattern(
        says=r"I (?:can )?speak (?:fluent |some |a little )?<things>",
        template="Speaks {thing}.",
        slot=Slot.SKILL,
        only=is_language,
    ),
    Pattern(
        says=r"I know (?:how to (?:use|program in) )?<things>",
        template="Knows {thing}.",
        slot=Slot.SKILL,
        only=is_skill,
    ),
    Pattern(
        says=r"I am (?:very |really |pretty )?(?:good at|skilled in|experienced (?:in|with)) <thing>",
        template="Is good at {thing}.",
        slot=Slot.SKILL,
        confidence=0.8,
    ),
)

PEOPLE = (
    Pattern(
        says=r"my <spouse>(?:'s name is| is called| is named| is) <name>",
        template="Has a {spouse} named {name}.",
        slot=Slot.PARTNER,
    ),
    Pattern(
        says=r"I am (?:happily )?(?:married|engaged) to <name>",
        template="Has a partner named {name}.",
        slot=Slot.PARTNER,
    ),
    Pattern(
        says=r"I am getting (?:married|engaged) to <name>",
        template="Will marry {name}.",
        slot=Slot.PARTNER,
        state=FUTURE,
    ),
    Pattern(
        says=r"(?:my <spouse> & I|we) (?:have )?(?:broke|broken|split|separated|got divorced|divorced)(?: up)?",
        template="No longer has a partner.",
        slot=Slot.PARTNER,
        state=PAST,
        negates="",
    ),
    Pattern(
        says=r"I (?:am|got) (?:now |recently )?divorced",
        template="No longer has a partner.",
        slot=Slot.PARTNER,
        state=PAST,
        negates="",
    ),
    Pattern(
        says=r"I have (?P<count>an?|one|two|three|four|five|\d) "
        r"(?P<whom>(?:\w+ )?(?:kids?|child(?:ren)?|sons?|daughters?|sisters?|brothers?|siblings?))"
        r"(?P<named> (?:named|called) <name>)?",
        template="Has {count} {whom}{named}.",
        slot=Slot.FAMILY,
    ),
    *(
        Pattern(
            says=rf"my <{who}>(?P<called> (?-i:[A-Z])[\w'-]+)? (?P<does>{DOES}|{IS})<doing>",
            template="Has a {" + who + "}{called} who {does}{doing}.",
            slot=slot,
            confidence=0.85,
        )
        for who, slot in (("relative", Slot.FAMILY), ("friend", Slot.FRIEND), ("colleague", Slot.COLLEAGUE))
    ),
    *(
        Pattern(
            says=rf"my <{who}>(?:'s name is| is called| is named| is) <name>",
            template="Has a {" + who + "} named {name}.",
            slot=slot,
        )
        for who, slot in (("kin", Slot.FAMILY), ("friend", Slot.FRIEND), ("colleague", Slot.COLLEAGUE))
    ),
)

ENGLISH = (*ABOUT_THE_PERSON, *AT_WORK, *PEOPLE)
