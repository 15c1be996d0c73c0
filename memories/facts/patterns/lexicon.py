"""Words that tell what kind of thing somebody likes, is, or is related to. Lower case, singular."""

from memories.vocabulary import Slot


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


FOOD = _words("""
    food cuisine sushi taco ramen pizza pasta lasagna burger steak meat fish seafood salmon tuna chicken pork beef
    lamb bacon cheese bread rice noodle soup salad curry chocolate cake cookie dessert fruit vegetable apple banana
    mango strawberry mushroom olive onion garlic tomato avocado broccoli spinach cilantro coriander pepper egg milk
    yogurt butter honey peanut nut almond cashew shellfish shrimp oyster tofu bean lentil potato coffee tea espresso
    wine beer juice soda spice kimchi falafel hummus dumpling pancake
    sauerkraut brezel käse brot fleisch fisch kaffee tee bier wein pilz schokolade kuchen spargel
    fromage chocolat pain viande poisson café thé vin bière champignon gâteau huître
    queso aceituna pan carne pescado té vino cerveza champiñón paella tortilla jamón mariscos seta
""")
TECH = _words("""
    python rust go golang java kotlin swift javascript typescript c c++ c# ruby php haskell scala elixir sql
    postgresql postgres mysql sqlite redis mongodb docker kubernetes linux ubuntu debian arch windows macos mac android
    iphone vim neovim emacs vscode git github gitlab react vue angular svelte django flask fastapi rails pytorch
    tensorflow excel figma slack notion firefox chrome terraform aws azure ansible nix dark light tabs spaces
    keyboard
""")
HOBBY = _words("""
    tennis football soccer basketball badminton volleyball golf chess poker guitar piano violin cello drum bass
    saxophone flute trumpet yoga photography pottery karate judo gardening
    schach fußball gitarre klavier tanzen wandern schwimmen lesen kochen
    foot échecs guitare randonnée natation lecture cuisine
    fútbol ajedrez guitarra senderismo natación leer bailar
""")
LANGUAGES = _words("""
    english german french spanish portuguese italian dutch swedish norwegian danish finnish polish czech russian
    ukrainian greek turkish arabic hebrew hindi urdu bengali tamil japanese korean mandarin cantonese chinese thai
    vietnamese swahili latin
""")
NOT_A_HOBBY = _words("being having getting going doing working thing something anything everything nothing")

# A thing that begins so is about the conversation, or about no thing at all.
NOT_A_THING = _words("""
    it that this these those them him her you your yours my me how what when where who why which the to a an some
    any all every one no nothing something anything everything more less much so very too lots not just about if
    working having being getting as
    es das dies diese dich dir sie ihn dein deine die der den
    ça ce cette cela te vous ton ta votre tu que quand beaucoup
    eso esto esta este ti usted tu que cuando mucho más
""")

JOBS = r"""(?:engineer|developer|programmer|designer|architect|analyst|scientist|researcher|teacher|professor|lecturer|
tutor|nurse|doctor|physician|surgeon|dentist|pharmacist|therapist|psychologist|veterinarian|vet|paramedic|lawyer|
attorney|paralegal|accountant|auditor|consultant|manager|director|recruiter|marketer|writer|author|editor|journalist|
translator|photographer|musician|artist|actor|actress|chef|cook|baker|barista|waiter|waitress|bartender|pilot|
electrician|plumber|carpenter|mechanic|welder|farmer|gardener|firefighter|police\ officer|soldier|librarian|cashier|
receptionist|secretary|salesperson|realtor|truck\ driver|bus\ driver|taxi\ driver|postdoc|intern|student|freelancer|
entrepreneur|founder|ceo|cto|cfo|product\ owner|scrum\ master|data\ engineer|social\ worker|head\ of\ \w+|vp\ of\ \w+|
director\ of\ \w+|chief\ \w+\ officer)""".replace("\n", "")

SPOUSE = r"(?:wife|husband|spouse|partner|girlfriend|boyfriend|fianc[ée]e?)"
KIN = (
    r"(?:(?:older |younger |little |big |twin |half-?|step|grand)?(?:sister|brother|son|daughter|mother|mom|mum|father|"
    r"dad|child|parents?|kids?|mother|father)|aunt|uncle|cousin|niece|nephew|siblings?|grandma|grandpa)"
)
FRIEND = r"(?:(?:best |good |close |old )?friend|roommate|flatmate)"
COLLEAGUE = r"(?:colleague|coworker|co-worker|teammate)"


def kind_of(thing: str) -> Slot | None:
    """The multi-valued slot that a liked thing belongs to; none where the words do not tell."""
    words = thing.casefold().split()
    for slot, lexicon in ((Slot.FOOD, FOOD), (Slot.TECH, TECH), (Slot.HOBBY, HOBBY)):
        if any(form in lexicon for word in words for form in (word, word.removesuffix("s"), word.removesuffix("n"))):
            return slot
    is_activity = words[0].endswith("ing") and len(words[0]) > 5 and words[0] not in NOT_A_HOBBY
    return Slot.HOBBY if is_activity else None
