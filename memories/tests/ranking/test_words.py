from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.ranking.function_words import FUNCTION_WORDS
from memories.ranking.words import TERM_MAX, alternatives, names, speaker_of, terms, without_speakers

any_text = st.text(st.characters(codec="utf-8"), max_size=80)
languages = st.sampled_from(["", *sorted(FUNCTION_WORDS), "arabic", "finnish"])
# Two forms of a word, in two short texts of its language.
INFLECTED = {
    "english": ("She was painting the gardens.", "Who painted a garden?"),
    "german": ("Wir haben die Wohnungen besichtigt.", "Welche Wohnung war das?"),
    "french": ("Les réparations sont chères pour nous.", "Combien est la réparation, et pour qui ?"),
    "spanish": ("Los pisos son muy caros en la ciudad.", "¿Qué piso es el de la ciudad?"),
    "italian": ("Le case sono della zia.", "Qual è la casa del nonno?"),
    "portuguese": ("Os romances são dos pescadores.", "O romance é do pescador?"),
    "dutch": ("Wij hebben de tomaten in het huis.", "Waar is de tomaat van het huis?"),
    "swedish": ("Vi har köpt två båtar och ett hus.", "Var är båten som ni har?"),
    "russian": ("Мы едем в отпуск с палатками.", "А где палатка для отпуска и кто едет?"),
    "turkish": ("Bu bizim kitaplar ve bir masa.", "Bu kitap ne için ve kimin?"),
}


def is_found(query: str, text: str, *, language: str = "") -> bool:
    """Whether any word of the query stands in the text."""
    held = set(terms(text, language=language))
    return any(word & held for word in alternatives(query, language=language))


def finds_all(query: str, text: str, *, language: str = "") -> bool:
    held = set(terms(text, language=language))
    return all(word & held for word in alternatives(query, language=language))


# --- Texts ------------------------------------------------------------------------------------------------------------


@given(any_text, languages)
def test_a_text_holds_its_own_words(text: str, language: str) -> None:
    assert finds_all(text, text, language=language)


@given(any_text, languages)
def test_terms_are_short_and_never_empty(text: str, language: str) -> None:
    assert all(0 < len(term) <= TERM_MAX + 1 for term in terms(text, language=language))


@pytest.mark.parametrize(("text", "query"), INFLECTED.values(), ids=INFLECTED)
def test_a_word_is_found_in_another_form(text: str, query: str) -> None:
    assert is_found(query, text)


@pytest.mark.parametrize(("language", "pair"), INFLECTED.items())
def test_a_word_is_found_in_another_form_where_the_language_is_told(language: str, pair: tuple[str, str]) -> None:
    text, query = pair
    assert is_found(query, text, language=language)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("CAFE", "a café"),
        ("café", "a cafe"),
        ("Zürich", "we flew to zurich"),
        ("ｃａｔ", "a cat"),
        ("ﬁsh", "a fish"),
        ("STRASSE", "die Straße"),
        ("Ｎｏ．４２", "no.42"),
        ("smörgås", "smorgas"),
        ("cafe\u0301", "café"),
        ("İZMİR", "izmir"),
        ("ISPARTA", "ısparta"),
        ("smorrebrod", "smørrebrød"),
        ("Lodz", "Łódź"),
        ("coeur", "cœur"),
    ],
)
def test_case_accents_and_width_do_not_matter(query: str, text: str) -> None:
    assert finds_all(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("成都", "我上个月搬到了成都"),
        ("犬の名前", "うちの犬は柴犬で、名前はコタロウです"),
        ("동생", "제 동생은 서울에서 일해요"),
        ("ถั่วลิสง", "หมอบอกว่าฉันแพ้ถั่วลิสง"),
        ("猫", "小猫睡觉"),
    ],
)
def test_where_words_have_no_spaces_pairs_of_characters_are_found(query: str, text: str) -> None:
    assert is_found(query, text)


def test_a_pair_of_characters_in_another_order_is_another_pair() -> None:
    assert not is_found("都成", "成都")


def test_letters_tell_a_language_as_a_function_word_does() -> None:
    assert "baba" in terms("Babam ondan tatlı saklıyor")
    assert "babam" in terms("Babam ondan kaçar")


@pytest.mark.parametrize("text", ["İzmir", "हिन्दी", "தமிழ்", "مُحَمَّد", "שָׁלוֹם", "می\u200cخواهم"])
def test_marks_do_not_break_a_word(text: str) -> None:
    assert len(alternatives(text)) == 1


def test_function_words_find_nothing() -> None:
    assert alternatives("what is the") == []
    assert terms("it is not for them") == []


def test_a_function_word_of_another_language_is_a_word() -> None:
    assert is_found("the den of the fox", "A den was found.")


def test_possessives_and_elisions_are_no_words() -> None:
    assert terms("Anna's", language="english") == ["anna"]
    assert terms("l’eau", language="french") == terms("eau", language="french")


def test_repetitions_are_kept() -> None:
    assert terms("cat cats CAT") == ["cat"] * 3


def test_a_word_asked_twice_is_one_word() -> None:
    assert len(alternatives("cat CAT cat")) == 1


def test_a_long_word_is_known_by_its_digest() -> None:
    (term,) = terms("x" * 10_000, language="english")
    assert len(term) <= TERM_MAX + 1
    assert terms("x" * 10_001, language="english") != [term]


def test_threads_may_share_the_stemmers() -> None:
    texts = [f"the {word} were painting {n} houses" for n in range(200) for word in ("cats", "dogs")]
    expected = [terms(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(terms, texts)) == expected


# --- What is no word --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        "foo_bar", "node.js", ".net", ".env", "c++", "c#", "v2.3.10", "0x80070005", "a.b@example.com", "#launch",
        "@lena_k", "127.0.0.1:5432", "/etc/hosts", r"c:\temp\a.txt", "https://a.b/c?d=e&f=g", "err-42", "90210",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "({})", "“{}”,", "{}.", "<{}>!"])
def test_an_identifier_is_known_as_a_whole(token: str, around: str) -> None:
    assert f"={token}" in terms(f"see {around.format(token)} there")


@pytest.mark.parametrize("text", ["我们用node.js部署", "使用 node.js，然后", "デプロイはnode.jsです"])
def test_an_identifier_is_known_among_words_without_spaces(text: str) -> None:
    assert [term for term in terms(text) if term.startswith("=")] == ["=node.js"]


@pytest.mark.parametrize(
    "text", ["好的，另外3天。谢谢", "水泳です。肩こりが", "ช่วงปิดเทอมเราจะไปดำน้ำ ที่เกาะเต่า", "제주도로 이사해서"]
)
def test_clauses_without_spaces_are_no_identifiers(text: str) -> None:
    assert not [term for term in terms(text) if term.startswith("=")]


@pytest.mark.parametrize("text", ["plain words, and more", "... and so on...", "Anna's", "l’eau", "a - b", "12 or 42"])
def test_words_and_small_numbers_are_no_identifiers(text: str) -> None:
    assert not [term for term in terms(text) if term.startswith("=")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+49 30 901820", "+49-30-901820"),
        ("(030) 901820", "030/901820"),
        ("DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
        ("GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819"),
    ],
)
def test_a_number_is_known_however_it_is_spaced(one: str, other: str) -> None:
    wholes = [{term for term in terms(text) if term.startswith("=")} for text in (one, other)]
    assert wholes[0] & wholes[1]


# --- Speakers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["speaker", "name", "author", "sender"])
def test_metadata_names_the_speaker(key: str) -> None:
    assert speaker_of("hi", {key: "Zoë Baker"}) == "@zoe"


@pytest.mark.parametrize("text", ["Zoë: hi", "  ZOE: hi", "Zoë Baker: hi", "zoe:\nhi"])
def test_a_text_may_begin_with_a_label(text: str) -> None:
    assert speaker_of(text, {}) == ":zoe"


@pytest.mark.parametrize("text", ["hi", "", "http://a.b", "12: no", "I say this to you: go", "a" * 80 + ": x", ":"])
def test_other_texts_name_no_speaker(text: str) -> None:
    assert speaker_of(text, {"speaker": 7}) is None


def test_metadata_goes_before_the_text() -> None:
    assert speaker_of("Error: disk full", {"speaker": "Ben"}) == "@ben"
    assert speaker_of("Anna: hi", {"speaker": "…"}) == ":anna"


def test_capitalised_words_may_be_names() -> None:
    assert set(names("What did Anna tell Ben about the boat?").values()) == {"Anna", "Ben"}


def test_any_word_may_be_a_name_where_none_is_capitalised() -> None:
    assert set(names("what did anna say").values()) == {"anna", "say"}


@given(any_text)
def test_no_text_is_too_odd_to_name_somebody(text: str) -> None:
    rest = without_speakers(text, names(text))
    assert rest.strip() or not text.strip()


def test_a_speaker_is_taken_out_of_the_query_with_the_possessive() -> None:
    assert without_speakers("What is Anna’s boat like?", {"@anna": "Anna"}) == "What is boat like?"


def test_a_label_stays_in_the_query() -> None:
    assert without_speakers("what was the Error", {":error": "Error"}) == "what was the Error"


def test_a_query_that_is_only_a_name_stays() -> None:
    assert without_speakers("Anna?", {"@anna": "Anna"}) == "Anna?"
