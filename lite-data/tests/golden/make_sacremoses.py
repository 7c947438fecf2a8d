"""Which lines of the corpora sacremoses gives otherwise than the Perl scripts of Moses: sacremoses.json.

    python3 -m venv venv && venv/bin/pip install sacremoses==0.2.0
    venv/bin/python make_sacremoses.py ../../../target/debug/lite-data ../../../../shared/data

The program stands in for Perl: corpora.json holds every one of its lines to that. Lines are counted from one, through the
files of a side in the order of corpora.json, and compared word by word.
"""

import gzip
import json
import pathlib
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

from sacremoses import MosesDetokenizer, MosesPunctNormalizer, MosesTokenizer

HERE = pathlib.Path(__file__).parent
PROGRAM, DATA = sys.argv[1], pathlib.Path(sys.argv[2])


def ours(step, lines, *options):
    text = "".join(line + "\n" for line in lines).encode()
    command = [PROGRAM, "moses", step, *options]
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[:-1]


def differ(theirs, lines):
    return [n for n, (a, b) in enumerate(zip(theirs, lines, strict=True), 1) if a.split() != b.split()]


def compare(name, files):
    code = name.rsplit(".", 1)[1]
    read = lambda path: gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = b"".join(read(DATA / file) for file in files).decode().split("\n")[:-1]
    norm = ours("normalise", text, "--language", code)
    clean = ours("remove-non-printing", norm)
    chain = ours("tokenise", clean, "--language", code, "--aggressive")
    tokeniser, detokeniser = MosesTokenizer(code), MosesDetokenizer(code)
    normaliser = MosesPunctNormalizer(code, perl_parity=True)
    return name, {
        "tok": differ(
            (tokeniser.tokenize(line, return_str=True) for line in text),
            ours("tokenise", text, "--language", code),
        ),
        "chain": differ((tokeniser.tokenize(line, True, True) for line in clean), chain),
        "norm": differ((normaliser.normalize(line) for line in text), norm),
        "detok": differ(
            (detokeniser.detokenize(line.split()) for line in chain),
            ours("detokenise", chain, "--language", code),
        ),
    }


if __name__ == "__main__":
    corpora = json.loads((HERE / "corpora.json").read_text())
    sides = {name: side["files"] for name, side in corpora.items() if not name.endswith(".subword")}
    sides = {name: files for name, files in sides.items() if all((DATA / file).exists() for file in files)}
    with ProcessPoolExecutor(2) as pool:
        found = dict(pool.map(compare, sides.keys(), sides.values()))
    rows = [f" {json.dumps(name)}: {json.dumps(steps)}" for name, steps in sorted(found.items())]
    (HERE / "sacremoses.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
