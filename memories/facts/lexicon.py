"""The words that questions about a person are made of, in English, French, German and Spanish."""

import re
import unicodedata
from collections.abc import Iterator


def fold(text: str) -> str:
    """Without case, accents and width: "Où" and "ou" are the same."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    return unicodedata.normalize("NFC", re.sub(r"[\u0300-\u036f]", "", plain))


def listed(words: str) -> frozenset[str]:
    return frozenset(fold(words).split())


def _one_form(listed: str) -> Iterator[tuple[str, str]]:
    """Each word of "form: word word …", and the form itself, with its form; a line that is further in goes on."""
    for form, words in re.findall(r"^ {4}(\w+): ((?:.|\n {5,})+)", listed, re.MULTILINE):
        yield from ((fold(word), form) for word in [form, *words.split()])


ONE_FORM = dict(
    _one_form("""
    where: où donde dónde wo wohin
    live: lives lived living based reside resides located wohne wohnt wohnst wohnen gewohnt wohnte lebe lebt lebst
        leben lebte habite habites habiter habitais vis vit vivo vive vives vivir vivía viven moved relocated
    city: town ville stadt ciudad place hometown
    home: heim
    before: previously previous earlier former formerly past früher vorher avant auparavant antes used ancien
    born: née né nací nacido nacida geboren birthplace originally
    age: old años âge alt jahre ans
    email: mail emails correo
    address: adresse dirección
    password: passwort contraseña pin
    colour: color couleur farbe
    salary: earn gehalt salaire sueldo salario income
    name: names named heiße heisst heißt llamo llama llamas appelle appelles nom nombre
    job: profession occupation career métier boulot beruf arbeit trabajo profesión empleo position living title
    work: works working worked arbeite arbeitet arbeiten travaille travailles travaillais trabaja trabajas
    company: employer firm entreprise société firma unternehmen arbeitgeber empresa
    manager: boss supervisor cheffe chefin vorgesetzter jefe jefa patron
    team: équipe equipo
    partner: husband wife spouse girlfriend boyfriend fiancé fiancée mari femme conjoint copain copine ehemann
        ehefrau mann frau marido esposa esposo novio novia pareja married wifes
    sister: sisters sœur soeur soeurs schwester schwestern hermana hermanas
    brother: brothers frère frères bruder brüder hermano hermanos
    sibling: siblings geschwister
    mother: mom mum mutter mère maman mama madre mamá
    father: dad vater père papa padre papá
    parent: parents eltern padres
    child: children kid kids son sons daughter daughters enfant enfants fils fille kinder sohn tochter hijo hija
        hijos niños
    grandchild: grandchildren grandkids grandson granddaughter enkel nietos
    grandmother: grandma oma abuela
    grandfather: grandpa opa abuelo
    family: relatives famille familie familia
    friend: friends ami amie amis freund freunde amigo amiga amigos buddy
    roommate: roommates flatmate housemate apartment share
    colleague: colleagues coworker coworkers kollege kollegin kollegen collègue collègues compañero
    pet: pets haustier haustiere animal animaux mascota mascotas
    dog: dogs puppy hund chien perro perra retriever breed
    cat: cats kitten katze chat gato gata
    eat: eats eating ate esse essen isst mange manges manger comer comes
    food: foods dish dishes meal dinner lunch breakfast supper snack cuisine nourriture plat gericht comida plato
        cook recipe menu order cenar dîner abendessen rezept recette receta ordered
    restaurant: restaurants restaurante restaurantes
    allergy: allergies allergic allergique allergien allergisch alergia alergias alérgico alérgica intolerant
        intolerance intolerances unverträglichkeit unverträglichkeiten dietary diet restrictions restriction
    drink: drinks drinking trinke trinken boire bois bebo beber
    speak: speaks spoke spreche sprechen sprichst parle parles parler hablo habla hablas hablar
    language: languages sprache sprachen langue langues idioma idiomas
    learn: learning learns lerne lernen lernst apprends apprendre aprendo aprender aprendiendo studying study
        studies studied étudie studiere estudio
    course: courses class classes cours kurs curso
    education: university college school degree major graduate graduated université universität studium
        universidad diplom
    hobby: hobbies loisir loisirs pastime pastimes freizeit freizeitbeschäftigung hobbys afición aficiones
        pasatiempo pasatiempos relax interests
    sport: sports deporte deportes
    instrument: instruments instrumento instrumente
    play: plays playing played joue jouer spiele spielen toco tocar juego jugar
    like: likes loves love enjoy enjoys mag liebe aime gusta gustan enjoyed
    favourite: favorite préférée préféré préférés lieblings favorito favorita
    dislike: dislikes hate hates hated avoid avoids leave
    goal: goals dream dreams plans plan ambition ziel ziele objectif objectifs meta metas objetivo planning hope
    project: projects projet projekt proyecto
    skill: skills strengths strength compétences fähigkeiten habilidades
    phone: telefon telefonnummer téléphone teléfono
    number: numéro nummer número
    birthday: geburtstag anniversaire cumpleaños
    when: wann quand cuándo
    car: auto voiture coche carro drive drives
    computer: laptop macbook
    allergen: allergens
    wake: aufstehen
    smoke: smoked smoking
    book: books novels novel read reads reading
    movie: movies film films cinema
    health: illness sick disease medical surgery ill ills
    weather: wetter météo
""")
)

# A dog is a pet, too.
IMPLIED = {
    "dog": "pet",
    "cat": "pet",
    "sister": "sibling",
    "brother": "sibling",
    "mother": "parent",
    "father": "parent",
    "book": "hobby",
    "sport": "hobby",
}

# What any question may hold, whatever it asks about.
STOP = listed("""
    a an the and or but of to in on at for with from by as is am are was were be been being do does did done doing have
    has had having i me my mine myself we us our you your it its this that these those there here he she they them
    his her their what which how why can could would should shall will may might must please just any some so not
    no if about into up out off than then too also very really again right now currently today tonight days moment
    one someone something anyone anything everything all tell say said know knows remind remember give got get
    gets usually still ever kind sort type thing things lot want don doesn didn isn s t m re ve ll d whats hey hi
    ok okay let make makes who whom whose go going like quien quienes wer je j ai tu il elle nous vous mon ma mes
    ton ta tes le la les l un une des du de et est ce que qu qui quoi quel quelle quels quelles comment suis es
    sont etait pas ne n dans chez au aux en pour par sur avec moi se y c combien gerade ich mir mich mein meine
    meinen meinem meiner dir dich der die das den dem ein eine einen einem einer und oder ist bin bist sind war
    habe hat hast haben welche welcher welches welchen wie viele viel nicht kein keine im zu zum zur von mit auf
    fur kannst kann darf soll sollte konnte bitte gern gerne mache machen heute yo mi mis tus el los las una unos
    unas o soy eres son esta estoy cual cuales como cuanto cuantos del al por para con te lo su tengo tiene tienes
    hay debo deberia puedo puedes hago estar
""")

# What is to be read as another word before a question is split into words, in this order.
PHRASES = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\b(?:\w+)?['’](?:s|re|m|ve|ll|d)\b", lambda match: re.split("['’]", match[0])[0]),
        (r"\bn['’]t\b|n['’]t\b", " not"),
        (r"\b(?:qu|[cdjlmnst])['’]", ""),
        (r"\b(?:est-ce que|est-ce qu|c est quoi)\b", " "),
        (r"-(?:je|moi|tu|il|elle|ce)\b", " "),
        (r"\b(?:do|does|did|doing|work) for (?:a living|work|money)\b|\bmake a living\b", "job"),
        (r"\b(?:is|does|am|was) (?:\w+ )?(?:do|doing) (?:at|for) work\b", "job"),
        (r"\b(?:a que me dedico|a que se dedica|que hago en la vida)\b", "job"),
        (r"\bde donde (?:soy|vengo)\b|\bd ou (?:je )?viens\b|\bwoher komme\b", "where born"),
        (r"\b(?:cuales|quienes|que) son\b", " "),
        (r"\b(?:mon|ma|mein|meinem|meinen) chef\b", "manager"),
        (r"\b(?:married to|verheiratet)\b", "partner"),
        (r"\b(?:get|gets|getting|wake|wakes) up\b", "wake"),
        (r"[我你您的是在了吗呢吧谁]|什么|哪里|哪儿|怎么|多少", " "),
        (r"\bused? to\b", "before"),
        (r"\b(?:free|spare) time\b", "hobby"),
        (r"\b(?:cuantos anos|how old|wie alt|quel age)\b", "age"),
        (r"\b(?:se llama|me llamo|s appelle|m appelle)\b", "name"),
        (r"\bvideo ?games?\b", "hobby game"),
        (r"\bcredit card\b", "creditcard"),
        (r"\bdate de naissance\b|\bfecha de nacimiento\b|\bdate of birth\b", "birthday"),
        (r"\b(?:how (?:many|much)|combien|wie ?viele?|cuant[oa]s?)\b", "number"),
        (r"\bcall(?:ed)? me\b|\bcalled\b", "name"),
    )
]
