"""Golden files of tests/moses.rs and tests/subword.rs, from the Perl scripts of Moses and the Python packages.

    git clone https://github.com/moses-smt/mosesdecoder
    python3 -m venv venv && venv/bin/pip install subword-nmt==0.3.8
    venv/bin/python make_moses.py mosesdecoder/scripts ../../../../shared/data work

Writes moses.json, subword.json and corpora.json beside this file. Outputs of the scripts stay in `work`, and are used again
if they are there. Perl 5.36; Python 3.11.
"""

import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import sys
from collections import Counter

from subword_nmt import apply_bpe, learn_bpe

HERE = pathlib.Path(__file__).parent
SCRIPTS, DATA, WORK = (pathlib.Path(path) for path in sys.argv[1:])

SENTENCES = {
    "en": [
        "Mr. Smith paid $5,300.50 (about 4,500 euros) on Jan. 5, didn't he?",
        "The dogs' owner said: \"It's o.k.,\" and left at 5 p.m. on No. 5 St. James St.",
        "No. He said 'no.' No. 7 is Nos. 8 and pp. 3 of Art. IV.",
        "A,B,C,D,E ... 1,2,,3 ,4, 5, x,,6,",
        "well-known state-of-the-art -- e-mail a--b x-1-y - z -q",
        "the 1990's rock'n'roll 'tis d'Artagnan's 5's 5't '",
        "AT&T <b>bold</b> [x|y] \"quoted\" 'single' `tick` ``double''",
        "one.. two... three....four .five .. . . ..6",
        "U.S. forces vs. them, i.e. us, etc. Ph.D. U.S.A.",
        "\u201cCurly\u201d \u2018quotes\u2019 don\u2019t l\u2019 \u2014 or \u2013 \u2026 \u00ab x \u00bb 5\u00a0000\u00a0000 1\u00a02\u00a03",
        "He said \"yes\". She said \"no\", \"maybe\"... \"so.\"",
        "tabs\tand\u00a0spaces \u2003 wide\u3000 zero\u200bwidth soft\u00adhyphen \u0001control\u001funit",
        "50 % of 5 : 6 ; 7 ! 8 ? (a ) ( b) (c).(d) ;",
        "x\u00b2 + \u00bd \u2460 \u216b \u0663\u0664 caf\u00e9 na\u00efve \u4e2d\u6587\u5b57 \ud55c\uad6d\uc5b4 \U0001f600 \U00020000",
        "Visit http://www.example.org/a-b?c=d&e or mail a.b@c.org now.",
        "The Jones ' house , it 's \" fine \" , ' so ' ( he said ) & amp; &amp;lt; @-@ a @-@ b .",
        "$ 5 \u20ac 6 \u00a3 7 % 8 [ x ] { y }",
        "word .' word.' 'go.'",
        "<tag attr=\"x\">",
        "   ",
        "",
    ],
    "fr": [
        "L\u2019\u00e9t\u00e9, c'est l'eau \u00ab bleue \u00bb ; n'est-ce pas ? Aujourd'hui !",
        "M. Dupont a pay\u00e9 1 234,50 \u20ac (env. 5 %) le 3 janv. 2010, cf. p. 5 et al. etc.",
        "\u00ab\u00a0Bonjour\u00a0\u00bb, dit-il\u00a0: 10\u00a0000\u00a0km \u00e0 25\u00a0\u00baC, n\u00ba\u00a05, 3\u00a0cm\u00a0!",
        "Il a dit \"oui.\" Elle a dit \"non...\" puis \"fin.\" <b> \".\"<i>",
        "qu'il 'cite' l'\u0153uvre d'5 jusqu' alors l''a '",
        "peut-\u00eatre 50-60 anti-\u00e2ge -1 c.-\u00e0-d. lui",
        "l' homme a dit : \" bonjour ! \" ; 5 % ? qu' il aujourd' hui d' 5 .",
        "Il vient a. Paris b. Lyon",
    ],
    "de": [
        "Der 5. Mai, d.h. z.B. am 3.10.1990 um 5.30 Uhr, usw.",
        "\u201eGut\u201c, sagte er, \u201aja\u2018. Sie sagte: \u201eNein.\u201c",
        "Das geht's so: Jürgens' Haus u.a. bzw. ca. 100,000 St. und Nr. 5.",
        "Stra\u00dfen-Bahn 20-j\u00e4hrig \u00d6PNV-Karte",
        "Er sagte \"Ja.\" und \"Nein,\" dann \"gut\".  <x>",
        "\u201e gut \u201c , ` so ` \" ja \" , ' s ist 5 % ; ( gut ) .",
        "Kapitel IV. Absatz ii. 7. 100. Ende",
    ],
}
PROTECTED = [r"(http[s]?|ftp):\/\/[^:\/\s]+(\/\w+)*\/[\w\-\.]+", r"[\w\-\_\.]+\@([\w\-\_]+\.)+[a-zA-Z]{2,}"]

CORPORA = {
    "multi30k": (["train.{}.gz", "val.{}.gz", "test_2016_flickr.{}.gz"], ["en", "fr", "de"]),
    "multi30k-tok": (["train.lc.norm.tok.{}", "val.lc.norm.tok.{}", "test_2016_flickr.lc.norm.tok.{}"], ["en", "fr", "de"]),
    "wmt-news-en-fr": (["train.{}.gz", "valid.{}.gz", "test.{}.gz"], ["en", "fr"]),
    "docs-en-fr": (["train.{}.gz", "valid.{}.gz", "test.{}.gz"], ["en", "fr"]),
    "tatoeba-en-fr": (["train.{}.gz", "valid.{}.gz", "test.{}.gz"], ["en", "fr"]),
    "iwslt14": (["train.{}.gz", "valid.{}.gz", "test.{}.gz"], ["de", "en"]),
}
FOLDERS = {"iwslt14": "iwslt14-de-en-subset", "multi30k-tok": "multi30k"}


def perl(script, *arguments, text):
    command = ["perl", str(SCRIPTS / script), *arguments]
    return subprocess.run(command, input=text, capture_output=True, check=True).stdout


STEPS = {
    "norm": ("text", lambda text, code: perl("tokenizer/normalize-punctuation.perl", code, text=text)),
    "np": ("norm", lambda text, code: perl("tokenizer/remove-non-printing-char.perl", text=text)),
    "chain": ("np", lambda text, code: perl("tokenizer/tokenizer.perl", "-q", "-a", "-l", code, text=text)),
    "tok": ("text", lambda text, code: perl("tokenizer/tokenizer.perl", "-q", "-l", code, text=text)),
    "noesc": ("text", lambda text, code: perl("tokenizer/tokenizer.perl", "-q", "-no-escape", "-l", code, text=text)),
    "lower": ("tok", lambda text, code: perl("tokenizer/lowercase.perl", text=text)),
    "detok": ("chain", lambda text, code: perl("tokenizer/detokenizer.perl", "-q", "-l", code, text=text)),
    "rawnp": ("text", lambda text, code: perl("tokenizer/remove-non-printing-char.perl", text=text)),
}


def steps(text, code, path=lambda step: None):
    """Output of each step."""
    outputs = {"text": text}
    for step, (source, act) in STEPS.items():
        file = path(step)
        if file is not None and file.exists():
            outputs[step] = file.read_bytes()
        else:
            outputs[step] = act(outputs[source], code)
            if file is not None:
                file.write_bytes(outputs[step])
    return outputs


def fixtures():
    golden = []
    for code, sentences in SENTENCES.items():
        text = "".join(sentence + "\n" for sentence in sentences).encode()
        outputs = steps(text, code)
        outputs["detok_text"] = STEPS["detok"][1](text, code)
        patterns = WORK / "protected"
        patterns.write_text("".join(pattern + "\n" for pattern in PROTECTED))
        outputs["protected"] = perl("tokenizer/tokenizer.perl", "-q", "-l", code, "-protected", str(patterns), text=text)
        rows = {step: output.decode().split("\n")[:-1] for step, output in outputs.items()}
        golden.append({"language": code, **rows})
    return {"protected_patterns": PROTECTED, "languages": golden}


def lines(text):
    return text.decode().split("\n")[:-1]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def learn(text, merges):
    output = io.StringIO()
    words = Counter(word for line in text for word in line.strip("\r\n ").split(" ") if word)
    learn_bpe.learn_bpe([f"{word} {count}" for word, count in words.items()], output, merges, is_dict=True)
    return output.getvalue()


def cut(codes, text, vocabulary=None):
    bpe = apply_bpe.BPE(io.StringIO(codes), vocab=vocabulary)
    return [bpe.process_line(line) for line in text]


def vocabulary(pieces):
    words = Counter(word for line in pieces for word in line.strip("\r\n ").split(" ") if word)
    return "".join(f"{word} {count}\n" for word, count in sorted(words.items(), key=lambda pair: pair[1], reverse=True))


def within(listed, threshold):
    rows = (line.split(" ") for line in listed.split("\n")[:-1])
    return {word for word, count in rows if int(count) >= threshold}


def subword_fixture():
    text = (HERE / "text.txt").read_text().split("\n")[:-1]
    text += ["aaaa aaaaa aa a\u00a0b a\u00a0b", "", "  two  spaces ", "xaaaay xaaay </w> @@ a</w>b", "x \\ x\\ \\x"]
    codes = learn(text, 200)
    pieces = cut(codes, text)
    listed = vocabulary(pieces)
    old = "".join(line + "\n" for line in ["e </w>", "t h", "th e", "the </w>", "a n", "an </w>", "t h"])
    return {
        "text": text,
        "codes": codes,
        "pieces": pieces,
        "vocabulary": listed,
        "threshold": 5,
        "within": cut(codes, text, within(listed, 5)),
        "old_codes": old,
        "old_pieces": cut(old, text),
        "old_within": cut(old, text, {"th@@", "e", "a", "an"}),
    }


def corpora():
    golden = {}
    for folder in ["text", "ref", "sub"]:
        (WORK / folder).mkdir(parents=True, exist_ok=True)
    for corpus, (names, codes) in CORPORA.items():
        tokenised = {}
        for code in codes:
            paths = [DATA / FOLDERS.get(corpus, corpus) / name.format(code) for name in names]
            read = lambda path: gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            text = b"".join(map(read, paths))
            outputs = steps(text, code, lambda step: WORK / "ref" / f"{corpus}.{code}.{step}")
            golden[f"{corpus}.{code}"] = {
                "files": [str(path.relative_to(DATA)) for path in paths],
                "lines": text.count(b"\n"),
                "sha256": {step: sha256(output) for step, output in outputs.items() if step != "text"},
            }
            is_tokenised = corpus in ("multi30k-tok", "iwslt14")
            tokenised[code] = lines(text if is_tokenised else outputs["chain"])
        if corpus == "multi30k":
            continue
        done = WORK / "sub" / f"{corpus}.json"
        if not done.exists():
            merged = learn([line for code in codes for line in tokenised[code]], 10000)
            entry = {"merges": 10000, "codes": sha256(merged.encode())}
            for code in codes:
                pieces = cut(merged, tokenised[code])
                listed = vocabulary(pieces)
                entry[code] = {
                    "pieces": sha256("".join(line + "\n" for line in pieces).encode()),
                    "vocabulary": sha256(listed.encode()),
                    "within_50": sha256(
                        "".join(line + "\n" for line in cut(merged, tokenised[code], within(listed, 50))).encode()
                    ),
                }
                if corpus == "iwslt14":
                    given = (DATA / FOLDERS[corpus] / "bpe10k.codes").read_text()
                    official = "".join(line + "\n" for line in cut(given, tokenised[code]))
                    entry[code]["official"] = sha256(official.encode())
            done.write_text(json.dumps(entry))
        golden[f"{corpus}.subword"] = json.loads(done.read_text())
    return golden


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


WORK.mkdir(parents=True, exist_ok=True)
write("moses.json", fixtures())
write("subword.json", subword_fixture())
write("corpora.json", corpora())
