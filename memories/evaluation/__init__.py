"""How well search finds what it should: labelled questions, asked of the product itself (docs/evaluate.md)."""
