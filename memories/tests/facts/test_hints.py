"""What the wording of a question tells, without any fact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.facts.hints import ANSWERED_BY, read
from memories.facts.lexicon import ONE_FORM, STOP
from memories.vocabulary import Slot


@pytest.mark.parametrize(
    "question",
    [
        "what do you know about me?",
        "What do you remember about me",
        "Tell me about myself.",
        "tell me everything you know about me!",
        "who am I?",
        "Qu'est-ce que tu sais de moi ?",
        "Que savez-vous sur moi ?",
        "Qui suis-je ?",
        "Was weißt du über mich?",
        "Erzähl mir etwas über mich",
        "Wer bin ich?",
        "¿Qué sabes de mí?",
        "¿Qué recuerdas sobre mí?",
        "¿Quién soy?",
    ],
)
def test_general_questions(question: str) -> None:
    assert read(question).is_general


@pytest.mark.parametrize(
    "question",
    [
        "what do you know about me and sushi?",
        "what do you know about my job?",
        "who am I married to?",
        "tell me about otters",
        "Was weißt du über meine Schwester?",
        "¿Qué sabes de mi hermana?",
        "Qui suis-je allé voir ?",
        "",
    ],
)
def test_particular_questions(question: str) -> None:
    assert not read(question).is_general


@pytest.mark.parametrize(
    ("slot", "questions"),
    [
        (Slot.LOCATION, ["where do I live", "Où est-ce que j'habite ?", "Wo wohne ich?", "¿Dónde vivo?"]),
        (Slot.ROLE, ["what's my job?", "C'est quoi mon métier ?", "Was ist mein Beruf?", "¿A qué me dedico?"]),
        (Slot.EMPLOYER, ["where do I work", "Je travaille où ?", "Wo arbeite ich?", "¿En qué empresa trabajo?"]),
        (Slot.FOOD, ["what should I not eat", "Qu'est-ce que je mange ?", "Was soll ich essen?", "¿Qué puedo comer?"]),
        (Slot.AGE, ["how old am I", "Quel âge ai-je ?", "Wie alt bin ich?", "¿Cuántos años tengo?"]),
        (Slot.BIRTHPLACE, ["where was I born", "Où suis-je née ?", "Wo bin ich geboren?", "¿De dónde soy?"]),
        (Slot.MANAGER, ["who's my boss?", "Qui est ma cheffe ?", "Wer ist mein Chef?", "¿Quién es mi jefe?"]),
        (Slot.HOBBY, ["what are my hobbies", "Quels sont mes loisirs ?", "Was sind meine Hobbys?", "mis aficiones"]),
    ],
)  # fmt: skip
def test_a_slot_answers_to_all_words_of_its_question(slot: Slot, questions: list[str]) -> None:
    for question in questions:
        assert read(question).words, question
        assert set(read(question).words) <= ANSWERED_BY[slot], question


@pytest.mark.parametrize(
    ("question", "people"),
    [
        ("where does my sister live", {"sister"}),
        ("Comment s'appelle mon mari ?", {"partner"}),
        ("Wie heißen meine Kinder?", {"child"}),
        ("does my brother have a girlfriend?", {"brother", "partner"}),
        ("where do I live", set()),
    ],
)
def test_people(question: str, people: set[str]) -> None:
    assert read(question).people == people


@pytest.mark.parametrize(
    "question",
    ["where did I live before?", "Où travaillais-je avant ?", "Wo habe ich früher gewohnt?", "did I use to smoke"],
)
def test_the_past(question: str) -> None:
    assert read(question).is_past


@pytest.mark.parametrize(
    ("question", "is_personal"),
    [
        ("what is the capital of France?", False),
        ("what is my name", True),
        ("Welche Hobbys habe ich?", True),
        ("Quelle est l'heure ?", False),
        ("我喜欢什么", True),
    ],
)
def test_questions_about_who_asks(question: str, is_personal: bool) -> None:
    assert read(question).is_personal is is_personal


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("waht is my dogs nmae", ("dog", "name")),
        ("wher do I wrok?", ("where", "work")),
        ("What’s my wife’s job?", ("partner", "job")),
        ("how many cats do I have", ("number", "cat")),
        ("is it C++ or C#?", ("c++", "c#")),
        ("what about France", ("france",)),
        ("我姐姐住在哪里？", ("姐姐", "姐住")),
        ("how are you doing today?", ()),
    ],
)
def test_words_are_brought_to_one_form(question: str, words: tuple[str, ...]) -> None:
    assert read(question).words == words


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_can_be_read(question: str) -> None:
    assert STOP.isdisjoint(read(question).words)


def test_a_long_text_is_read_in_part() -> None:
    assert len(read(" ".join(f"w{n}" for n in range(5000))).words) == 100


def test_slots_answer_in_words_that_questions_are_brought_to() -> None:
    for words in ANSWERED_BY.values():
        assert all(ONE_FORM.get(word, word) == word for word in words)
