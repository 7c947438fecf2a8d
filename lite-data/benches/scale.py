#!/usr/bin/env python3
"""Time, cores and memory of `lite-data prepare` by size of the corpus.

Real pairs are repeated with noise until there are enough of them, and go through the steps of WMT'14: Moses, 40,000
joint merges of subword-nmt, their application, numbering. Noise of `order` exchanges and drops words, so that lines are
new and words are not; that of `letters` changes letters as well, so that words are new without end.

    python3 lite-data/benches/scale.py --source train.en.gz --target train.fr.gz --pairs 100000 1000000 10000000

Needs Linux, Python 3.9 or later, target/debug/lite-data, and some 600 bytes of disk a pair.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing import Process
from pathlib import Path

DEFINITION = """
[data]
corpus = "files"
source_language = "en"
target_language = "fr"

[data.moses]
normalise = true
remove_non_printing = true
tokenise = true
clean = {{ ratio = 1.5, min = 1, max = 250 }}

[data.tokeniser]
kind = "subword-nmt"
merges = {merges}

[data.files.train]
source = "{folder}/train.en"
target = "{folder}/train.fr"

[data.files.valid]
source = "{folder}/valid.en"
target = "{folder}/valid.fr"

[data.files.test]
source = "{folder}/valid.en"
target = "{folder}/valid.fr"
"""


def lines(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if str(path).endswith(".gz") else open(path, encoding="utf-8")
    with opened as file:
        return file.read().split("\n")[:-1]


def noisy(line, generator, letters):
    """A line with one or two words in other places or left out, and with `letters` one letter changed."""
    words = line.split(" ")
    for _ in range(2):
        if len(words) < 3:
            break
        at = generator.randrange(len(words) - 1)
        if generator.random() < 0.5:
            words[at], words[at + 1] = words[at + 1], words[at]
        else:
            del words[at]
    if letters:
        at = generator.randrange(len(words))
        word = words[at]
        if len(word) > 3:
            place = generator.randrange(len(word))
            words[at] = word[:place] + generator.choice("abcdefghijklmnopqrstuvwxyz") + word[place + 1 :]
    return " ".join(words)


def write(folder, texts, pairs, letters):
    sides = [[line for path in paths for line in lines(path)] for paths in texts]
    if len(sides[0]) != len(sides[1]) or not sides[0]:
        sys.exit(f"{len(sides[0])} lines of --source and {len(sides[1])} of --target: the same number is needed")
    generator = random.Random(1)
    n = len(sides[0])
    for suffix, side in zip(("en", "fr"), sides):
        with open(folder / f"valid.{suffix}", "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in side[:1000])
    with open(folder / "train.en", "w", encoding="utf-8") as source:
        with open(folder / "train.fr", "w", encoding="utf-8") as target:
            for at in range(pairs):
                for file, side in ((source, sides[0]), (target, sides[1])):
                    line = side[at % n]
                    file.write((line if at < n else noisy(line, generator, letters)) + "\n")


def measure(program, folder, merges):
    definition = folder / "scale.toml"
    definition.write_text(DEFINITION.format(folder=folder, merges=merges), encoding="utf-8")
    command = [program, "prepare", "--definition", definition, "--data", folder / "data", "--offline", "--json"]
    begin = time.monotonic()
    # Only the program is waited for, so what the kernel counted is its own.
    child = subprocess.Popen([str(it) for it in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    manifest = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - begin
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, json.loads(manifest)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, action="append", help="text of one side, .gz or not; may be repeated")
    parser.add_argument("--target", required=True, action="append", help="the other side, as often as --source")
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--noise", choices=("order", "letters"), nargs="+", default=["order"])
    parser.add_argument("--merges", type=int, default=40_000)
    parser.add_argument("--program", default="target/debug/lite-data")
    parser.add_argument("--folder", help="where the texts are made and removed again; a temporary folder by default")
    args = parser.parse_args()
    print("| pairs | noise | kept | MB of text | seconds | CPU seconds | cores | peak MiB |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for noise in args.noise:
        for pairs in args.pairs:
            folder = Path(tempfile.mkdtemp(prefix="scale-", dir=args.folder))
            try:
                # In a process of its own: what this one holds when it starts the program would count as the program's.
                writer = Process(target=write, args=(folder, (args.source, args.target), pairs, noise == "letters"))
                writer.start()
                writer.join()
                if writer.exitcode != 0:
                    sys.exit(1)
                size = sum((folder / f"train.{suffix}").stat().st_size for suffix in ("en", "fr")) / 1e6
                seconds, cpu, peak, manifest = measure(args.program, folder, args.merges)
                kept = next(split for split in manifest["splits"] if split["name"] == "train")["pairs"]
                cells = f"{pairs:,} | {noise} | {kept:,} | {size:.0f} | {seconds:.1f} | {cpu:.1f} | {cpu / seconds:.2f}"
                print(f"| {cells} | {peak:.0f} |", flush=True)
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()
