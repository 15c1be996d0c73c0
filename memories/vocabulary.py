"""The words of the fact engine: categories, temporal states, slots, and where a stored fact stands."""

from django.db.models import TextChoices


class Category(TextChoices):
    """What a fact is about."""

    BIOGRAPHICAL = "biographical"
    WORK_CONTEXT = "work_context"
    RELATIONSHIP = "relationship"
    USER_PREFERENCE = "user_preference"
    LEARNING = "learning"


class TemporalState(TextChoices):
    """When a fact is true, as seen from the moment it was said."""

    CURRENT = "current"
    PAST = "past"
    FUTURE = "future"
    RECURRING = "recurring"


class Standing(TextChoices):
    """Where a stored fact stands. The one `current` fact of a single-valued slot is the one that holds."""

    HOLDS = "holds"
    SUPERSEDED = "superseded"  # a later statement took its slot
    ENDED = "ended"  # the person said that it is no longer so
    NOT_ACCEPTED = "not_accepted"  # too uncertain to replace what holds; kept for the timeline
    REMOVED = "removed"  # a person removed it: it is not extracted again
    CORRECTED = "corrected"  # the wording that a person put right: the same messages do not bring it back
    MERGED = "merged"  # another fact says the same, and has its sources now


HIDDEN = frozenset({Standing.REMOVED, Standing.CORRECTED, Standing.MERGED})  # on no timeline


class Slot(TextChoices):
    """The question that a fact answers. A single-valued one has one current answer, the others any number."""

    LOCATION = "location"
    BIRTHPLACE = "birthplace"
    AGE = "age"
    EMPLOYER = "employer"
    ROLE = "role"
    PARTNER = "partner"
    MANAGER = "manager"
    EDUCATION = "education"
    SKILL = "skill"
    PROJECT = "project"
    TEAM = "team"
    FRIEND = "friend"
    FAMILY = "family"
    COLLEAGUE = "colleague"
    TOPIC = "topic"
    COURSE = "course"
    GOAL = "goal"
    FOOD = "food"
    TECH = "tech"
    HOBBY = "hobby"
    LIFESTYLE = "lifestyle"

    @property
    def is_single_valued(self) -> bool:
        return self in SINGLE_VALUED


SINGLE_VALUED = frozenset(
    {Slot.LOCATION, Slot.BIRTHPLACE, Slot.AGE, Slot.EMPLOYER, Slot.ROLE, Slot.PARTNER, Slot.MANAGER}
)

USUAL_CATEGORY = {
    Slot.LOCATION: Category.BIOGRAPHICAL,
    Slot.BIRTHPLACE: Category.BIOGRAPHICAL,
    Slot.AGE: Category.BIOGRAPHICAL,
    Slot.EDUCATION: Category.BIOGRAPHICAL,
    Slot.EMPLOYER: Category.WORK_CONTEXT,
    Slot.ROLE: Category.WORK_CONTEXT,
    Slot.SKILL: Category.WORK_CONTEXT,
    Slot.PROJECT: Category.WORK_CONTEXT,
    Slot.TEAM: Category.WORK_CONTEXT,
    Slot.PARTNER: Category.RELATIONSHIP,
    Slot.MANAGER: Category.RELATIONSHIP,
    Slot.FRIEND: Category.RELATIONSHIP,
    Slot.FAMILY: Category.RELATIONSHIP,
    Slot.COLLEAGUE: Category.RELATIONSHIP,
    Slot.TOPIC: Category.LEARNING,
    Slot.COURSE: Category.LEARNING,
    Slot.GOAL: Category.LEARNING,
    Slot.FOOD: Category.USER_PREFERENCE,
    Slot.TECH: Category.USER_PREFERENCE,
    Slot.HOBBY: Category.USER_PREFERENCE,
    Slot.LIFESTYLE: Category.USER_PREFERENCE,
}
