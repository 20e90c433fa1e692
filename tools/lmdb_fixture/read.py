"""Reads an LMDB data set as PARSeq's data loader does, with Python's lmdb, and prints it as JSON.

    venv/bin/python tools/lmdb_fixture/read.py DIR

A list of [label, SHA-256 of the image's bytes]; used by the tests of crates/scene-text.
"""

import hashlib
import json
import sys

import lmdb

env = lmdb.open(
    sys.argv[1],
    max_readers=1,
    readonly=True,
    create=False,
    readahead=False,
    meminit=False,
    lock=False,
)
with env.begin() as txn:
    count = int(txn.get(b"num-samples"))
    samples = [
        [
            txn.get(b"label-%09d" % number).decode(),
            hashlib.sha256(txn.get(b"image-%09d" % number)).hexdigest(),
        ]
        for number in range(1, count + 1)
    ]
print(json.dumps(samples))
