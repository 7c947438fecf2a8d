"""Golden numbers of the Python package, for tests/sentencepiece.rs.

Made with sentencepiece 0.2.3:
    cargo run -p lite-data -- train-tokeniser --vocabulary-size 160 --output ours-bpe.model text.txt
    cargo run -p lite-data -- train-tokeniser --model unigram --vocabulary-size 160 --output ours-unigram.model text.txt
    python make_sentencepiece.py
The first run of this script writes text.txt; the models of the two commands above need it, so run it twice.
"""

import json
import os
import random

import sentencepiece as spm

random.seed(7)
DETERMINERS = ["the", "a", "every", "no", "le", "la", "un", "une"]
NOUNS = ["house", "river", "teacher", "window", "maison", "rivière", "maître", "fenêtre", "garçon", "cœur"]
VERBS = ["sees", "follows", "remembers", "voit", "suit", "écoute", "n'oublie"]
OTHERS = ["quickly", "lentement", "in 1998", "for 12.50 €", "at 7:45", "aujourd'hui"]


def sentence():
    words = [random.choice(DETERMINERS), random.choice(NOUNS), random.choice(VERBS)]
    words += [random.choice(DETERMINERS), random.choice(NOUNS)]
    if random.random() < 0.5:
        words.append(random.choice(OTHERS))
    return " ".join(words).capitalize() + random.choice([".", " !", " ?", ", " + random.choice(NOUNS) + "."])


text = [sentence() for _ in range(400)]
with open("text.txt", "w", encoding="utf-8") as file:
    file.write("\n".join(text) + "\n")

with open("rules.tsv", "w") as file:
    for source, target in [("\ufb01", "fi"), ("\u00c9", "\u00e9"), ("\u00a0", " "), ("e\u0301", "\u00e9"), ("\uff11", "1")]:
        file.write(" ".join(f"{ord(c):x}" for c in source) + "\t" + " ".join(f"{ord(c):x}" for c in target) + "\n")

common = dict(input="text.txt", minloglevel=2, num_threads=1, vocab_size=160)
fairseq = dict(bos_id=0, pad_id=1, eos_id=2, unk_id=3)
spm.SentencePieceTrainer.train(
    model_prefix="python-bpe", model_type="bpe", normalization_rule_name="identity", **fairseq, **common
)
spm.SentencePieceTrainer.train(
    model_prefix="python-unigram", model_type="unigram", normalization_rule_tsv="rules.tsv", hard_vocab_limit=False, **common
)
spm.SentencePieceTrainer.train(
    model_prefix="python-bytes",
    model_type="bpe",
    byte_fallback=True,
    normalization_rule_name="identity",
    **(common | dict(vocab_size=360)),
)

lines = [sentence() for _ in range(36)] + [
    "",
    "   ",
    "  two  spaces   inside ",
    "a\ttab and a\u00a0no-break space",
    "<s> the house </s> <pad> <unk>",
    "the<s>house</s>",
    "☃☃ the ☃ house☃☃☃ of ☃",
    "🙂 emoji 👩\u200d👩\u200d👧",
    "a literal ▁ and▁another",
    "............ ---------- !!!!!!!",
    "THE HOUSE SEES A RIVER",
    "la maison n'oublie pas le garçon",
    "e\u0301cole É ﬁn １２３",
    "日本語 the house 中文",
    "1998199819981998",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]
golden = {"lines": lines, "models": {}}
for name in ["python-bpe", "python-unigram", "python-bytes", "ours-bpe", "ours-unigram"]:
    if not os.path.exists(f"{name}.model"):
        continue
    processor = spm.SentencePieceProcessor(model_file=f"{name}.model")
    golden["models"][name] = [
        {"ids": processor.encode(line), "pieces": processor.encode(line, out_type=str), "text": processor.decode(processor.encode(line, out_type=str))}
        for line in lines
    ]
with open("sentencepiece.json", "w", encoding="utf-8") as file:
    json.dump(golden, file, ensure_ascii=False, indent=0)
for name in ["rules.tsv", "python-bpe.vocab", "python-unigram.vocab", "python-bytes.vocab"]:
    os.remove(name)
