"""What people say in English of their tastes, habits, and what they learn."""

from memories.facts.patterns.english import ANYMORE, NOW, PAST
from memories.facts.patterns.grammar import Pattern, is_hobby, is_tech
from memories.vocabulary import Slot, TemporalState

RECURRING = TemporalState.RECURRING
LIKE = r"(?:like|love|enjoy|adore)"
DISLIKE = r"(?:hate|dislike|detest|can not stand|do not (?:really )?(?:like|enjoy)|am not (?:a fan of|into))"
STILL = r"(?!.* any ?(?:more|longer))"
DAY = r"(?:every|each) (?:single )?(?:other )?(?:\w+ )?(?:day|morning|evening|night|week|weekend|month|year|\w+day)"

TASTES = (
    Pattern(says=rf"I {NOW}{LIKE} <things>", template="Likes {thing}.", by_kind=True, negates="Dislikes {thing}."),
    Pattern(
        says=rf"{STILL}I {NOW}{DISLIKE} <things>", template="Dislikes {thing}.", by_kind=True, negates="Likes {thing}."
    ),
    Pattern(
        says=rf"I (?:no longer {LIKE}|do not {LIKE}) <things>{ANYMORE}",
        template="No longer likes {thing}.",
        by_kind=True,
        state=PAST,
        negates="Likes {thing}.",
    ),
    Pattern(
        says=rf"I no longer {LIKE} <things>",
        template="No longer likes {thing}.",
        by_kind=True,
        state=PAST,
        negates="Likes {thing}.",
    ),
    Pattern(
        says=r"my favou?rite (?P<sort>food|dish|cuisine|drink|dessert|snack) is <thing>",
        slot=Slot.FOOD,
        template="Has {thing} as favourite {sort}.",
    ),
    Pattern(
        says=r"my favou?rite (?P<sort>(?:programming )?language|editor|framework|database|browser|tool) is <thing>",
        template="Has {thing} as favourite {sort}.",
        slot=Slot.TECH,
    ),
    Pattern(
        says=r"I am (?:severely |very )?allergic to <things>",
        template="Is allergic to {thing}.",
        slot=Slot.FOOD,
        confidence=0.95,
    ),
    Pattern(
        says=rf"I am {NOW}(?:an? )?(?P<diet>vegetarian|vegan|pescatarian|"
        r"(?:lactose|gluten)[ -]intolerant|celiac|coeliac)\b",
        template="Is {diet}.",
        slot=Slot.FOOD,
    ),
    Pattern(
        says=rf"I (?:no longer eat|do not eat|stopped eating) <things>{ANYMORE}",
        template="No longer eats {thing}.",
        slot=Slot.FOOD,
        state=PAST,
        negates="Eats {thing}.",
    ),
    Pattern(
        says=r"I (?:no longer eat|stopped eating) <things>",
        template="No longer eats {thing}.",
        slot=Slot.FOOD,
        state=PAST,
        negates="Eats {thing}.",
    ),
    Pattern(
        says=r"I (?:can not|must not|am not allowed to) eat <things>",
        template="Cannot eat {thing}.",
        slot=Slot.FOOD,
        negates="Eats {thing}.",
    ),
    Pattern(
        says=rf"I am (?:no longer|not) (?:an? )?(?P<diet>vegetarian|vegan|pescatarian)(?:{ANYMORE})?",
        state=PAST,
        template="Is no longer {diet}.",
        slot=Slot.FOOD,
        negates="Is {diet}.",
    ),
    Pattern(
        says=rf"{STILL}I (?:do not|never) eat <things>",
        template="Does not eat {thing}.",
        slot=Slot.FOOD,
        negates="Eats {thing}.",
    ),
    Pattern(
        says=r"I (?:eat|drink) <thing> (?:almost )?every (?:day|morning|evening)",
        template="Has {thing} every day.",
        slot=Slot.FOOD,
        state=RECURRING,
    ),
    Pattern(
        says=rf"I {NOW}prefer <thing> (?:over|to) (?P<other>[\w+# .]+?)",
        template="Prefers {thing} to {other}.",
        whole=True,
        by_kind=True,
    ),
    Pattern(says=rf"I {NOW}prefer (?!.* (?:over|to) )<thing>", template="Prefers {thing}.", by_kind=True),
    Pattern(says=rf"I {NOW}use <things>", template="Uses {thing}.", slot=Slot.TECH, only=is_tech),
    Pattern(says=rf"I {NOW}play (?:the )?<things>", template="Plays {thing}.", slot=Slot.HOBBY, only=is_hobby),
    Pattern(
        says=rf"I {NOW}(?:play|sing) in (?P<a>an? )(?P<group>(?:[\w-]+ )?(?:band|orchestra|choir|team|league))",
        template="Is in {a}{group}.",
        slot=Slot.HOBBY,
    ),
    Pattern(says=r"my hobb(?:y is|ies are|ies include) <things>", template="Has {thing} as a hobby.", slot=Slot.HOBBY),
    Pattern(
        says=r"I used to play (?:the )?<thing>",
        template="Used to play {thing}.",
        slot=Slot.HOBBY,
        state=PAST,
        negates="Plays {thing}.",
    ),
    Pattern(
        says=r"I (?:stopped|quit|gave up|no longer play|do not play)(?: playing)? (?:the )?<thing>"
        rf"(?:{ANYMORE})?",
        template="No longer plays {thing}.",
        slot=Slot.HOBBY,
        state=PAST,
        only=is_hobby,
        negates="Plays {thing}.",
    ),
    Pattern(
        says=rf"I (?P<does>(?:go|do|play) )<thing> {DAY}",
        template="Regularly does {thing}.",
        slot=Slot.HOBBY,
        state=RECURRING,
    ),
    Pattern(
        says=rf"{DAY},? I (?:go|do|play) <thing>", template="Regularly does {thing}.", slot=Slot.HOBBY, state=RECURRING
    ),
    Pattern(
        says=r"I (?:usually |always )?(?P<does>wake up|get up|go to bed) at "
        r"(?P<hour>\d{1,2}(?::\d\d)?(?: ?[ap]\.?m\.?)?)",
        template="Usual time to {does}: {hour}.",
        slot=Slot.LIFESTYLE,
        state=RECURRING,
    ),
    Pattern(
        says=r"I do not (?P<does>drink|smoke)(?P<what> alcohol)?",
        template="Does not {does}{what}.",
        slot=Slot.LIFESTYLE,
    ),
    Pattern(
        says=r"I (?:used to smoke|quit smoking|stopped smoking)",
        template="Used to smoke.",
        slot=Slot.LIFESTYLE,
        state=PAST,
    ),
    Pattern(
        says=r"I have (?P<a>an? )(?P<pet>dog|cat|puppy|kitten|parrot|rabbit|hamster|horse|\w+ dog|\w+ cat)"
        r"(?P<named> (?:named|called) <name>)?",
        template="Has {a}{pet}{named}.",
        slot=Slot.LIFESTYLE,
    ),
)

LEARNING = (
    Pattern(
        says=rf"I am {NOW}(?:learning|studying|teaching myself) (?:about |how to |to )?<things>",
        template="Is learning {thing}.",
        slot=Slot.TOPIC,
        confidence=0.85,
    ),
    Pattern(
        says=rf"I am {NOW}(?:taking|doing|attending) (?:an? |the )?(?:online )?"
        r"(?:course|class|workshop) (?:on|in|about) <thing>",
        template="Takes a course on {thing}.",
        whole=True,
        slot=Slot.COURSE,
    ),
    Pattern(
        says=rf"I am {NOW}(?:taking|doing|attending) (?:the )?<thing> (?:course|class|workshop)",
        template="Takes the {thing} course.",
        whole=True,
        slot=Slot.COURSE,
    ),
    Pattern(
        says=r"my (?:main |big |personal |current )?(?:goal|aim|dream|resolution)(?: this year| for this year)? "
        r"is to <doing>",
        template="Wants to {doing}.",
        slot=Slot.GOAL,
    ),
    Pattern(
        says=r"I (?:want|plan|hope|intend) to learn (?:about |how to )?<thing>",
        template="Wants to learn {thing}.",
        slot=Slot.GOAL,
        confidence=0.8,
    ),
    Pattern(
        says=rf"I am {NOW}(?:training|preparing|studying) for (?:an? |the |my )?<thing>",
        template="Prepares for {thing}.",
        whole=True,
        slot=Slot.GOAL,
        confidence=0.8,
    ),
)

ENGLISH_INTERESTS = (*TASTES, *LEARNING)
