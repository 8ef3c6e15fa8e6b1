"""One grant in process: the strict loader against PyYAML's own, and hostile files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import yaml

from bench import corpus
from bench.measure import Result, paired
from reconciler.repository.parse import parse, parse_configuration, read
from reconciler.repository.paths import Kind
from reconciler.repository.schemas import installed


def run(home: Path) -> Iterator[Result]:
    del home
    rng = random.Random(0)
    texts = [corpus.grant(rng, number).encode() for number in range(2_000)]
    _, grammar, _ = parse_configuration(corpus.CONFIGURATION.encode(), installed())

    def strict() -> None:
        for text in texts:
            read("grants/a.yaml", text, 1 << 16)

    def whole() -> None:
        for text in texts:
            parse(Kind.GRANT, "grants/a.yaml", text, grammar)

    def plain() -> None:
        for text in texts:
            yaml.load(text, Loader=yaml.CSafeLoader)

    yield paired("2,000 grants to data with positions", strict, plain, "CSafeLoader", 0.7)
    yield paired("2,000 grants to the model, checked", whole, plain, "CSafeLoader", 1.0)

    friendly = b"".join(b"key%d: [some, text, %d]\n" % (i, i) for i in range(380))

    def nest() -> None:
        parse(Kind.GRANT, "grants/a.yaml", b"[" * 49_152, grammar)

    def ordinary() -> None:
        yaml.load(friendly, Loader=yaml.CSafeLoader)

    yield paired("48 KiB of [", nest, ordinary, "CSafeLoader, 10 KiB", 1.0, 25)
