"""Cross-encoders for tests: no larger than a page, and as clever."""

from pathlib import Path

from transformers import BertConfig, BertForSequenceClassification, BertTokenizer, set_seed

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "cat", "dog", "barks", "sat", "on", "mat", "rain"]


def save_cross_encoder(folder: Path, *, labels: int = 1) -> str:
    """The path of a saved model of chance weights, the same at every run."""
    set_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        initializer_range=1.0,  # far from 0, so that texts differ
    )
    config.num_labels = labels
    BertForSequenceClassification(config).save_pretrained(folder)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS))
    BertTokenizer(str(vocabulary), model_max_length=64).save_pretrained(folder)
    return str(folder)
