"""What is said and asked in a benchmark: English sentences about people, places, dates and things, from a seed."""

import itertools
import random
from collections.abc import Iterator

PEOPLE = (
    *("my sister", "my brother", "Maya", "Jonas", "Priya", "the landlord", "our neighbour", "my manager", "Aunt Rosa"),
    *("Dr. Lindqvist", "the plumber", "my cousin Theo", "Grandpa", "the new intern", "Fatima", "my old teacher"),
    *("Oliver", "the baker", "my roommate", "Captain Reyes", "Hannah", "the dentist", "my godson", "Wei", "Ingrid"),
)
PLACES = (
    *("Lisbon", "Austin", "the harbour", "Osaka", "the old library", "Tromsø", "the farmers' market", "Nairobi"),
    *("the airport", "Ghent", "the cabin by the lake", "Montreal", "the hospital", "Kraków", "the community garden"),
    *("Valparaíso", "the train station", "Edinburgh", "the climbing gym", "Hanoi", "the school hall", "Marseille"),
)
THINGS = (
    *("a piano", "the invoice", "a leaking boiler", "two concert tickets", "the wedding cake", "a red bicycle"),
    *(
        "an electric kettle",
        "the tax return",
        "a box of old letters",
        "the lease",
        "a telescope",
        "a sourdough starter",
    ),
    *("the marathon", "a used camper van", "the visa application", "chess lessons", "a guitar", "the vaccination card"),
    *("a rescue dog", "the quarterly report", "a wool blanket", "the broken window", "a pottery class", "gluten"),
    *("a solar panel", "the passport", "a cello", "the insurance claim", "a beehive", "an apple tree", "the attic"),
)
TIMES = (
    *("last Tuesday", "in March", "the day after tomorrow", "on 14 June", "two years ago", "at half past seven"),
    *("before Christmas", "every Thursday", "this morning", "in the spring of 2019", "on her birthday", "next weekend"),
    *("during the holidays", "on Friday night", "a month ago", "in late October", "at noon", "since Monday"),
)
FEELINGS = ("relieved", "furious", "thrilled", "worried", "proud", "tired", "curious", "homesick", "grateful", "bored")
SAID = (
    "{Person} bought {thing} in {place} {time}.",
    "{Time} {person} forgot {thing} at {place} and was {feeling} about it.",
    "I promised {person} to bring {thing} to {place} {time}.",
    "{Person} is {feeling} because {thing} never arrived in {place}.",
    "We moved to {place} {time}, and {person} helped us with {thing}.",
    "Did I tell you that {person} sold {thing} {time}?",
    "{Person} has been learning about {thing} in {place} {time}.",
    "The appointment with {person} about {thing} was put off: it is {time} now, at {place}.",
    "{Person} says that {thing} from {place} costs {number} euros.",
    "Please remind me {time} to ask {person} about {thing}.",
    "I felt {feeling} when {person} showed me {thing} in {place}.",
    "{Number} people came to {place} {time} to see {thing} of {person}.",
)
ASKED = (
    "What did {person} buy in {place} {time}?",
    "Who forgot {thing} at {place}?",
    "When did {person} sell {thing}?",
    "How much does {thing} from {place} cost, the one that {person} spoke of?",
    "Why was {person} {feeling} about {thing} {time}?",
    "Where is the appointment with {person} about {thing}?",
    "What was I to ask {person} about {thing} {time}?",
    "Did {person} ever bring {thing} to {place}?",
    "Which of us learned about {thing} in {place} {time}?",
    "What became of {thing} after {person} moved to {place}?",
)


def sentences(*, seed: int = 1) -> Iterator[str]:
    """Distinct sentences, without end for any benchmark."""
    return _filled(SAID, random.Random(seed))


def questions(*, seed: int = 2) -> Iterator[str]:
    """Distinct questions: no cache knows the next one."""
    return _filled(ASKED, random.Random(seed))


def _filled(templates: tuple[str, ...], chance: random.Random) -> Iterator[str]:
    known = set[str]()
    for number in itertools.count():
        text = _one(templates[number % len(templates)], chance)
        if text not in known:
            known.add(text)
            yield text


def _one(template: str, chance: random.Random) -> str:
    person, time, number = chance.choice(PEOPLE), chance.choice(TIMES), str(chance.randint(2, 990))
    return template.format(
        person=person,
        Person=person[0].upper() + person[1:],
        time=time,
        Time=time[0].upper() + time[1:],
        place=chance.choice(PLACES),
        thing=chance.choice(THINGS),
        feeling=chance.choice(FEELINGS),
        number=number,
        Number=number,
    )
