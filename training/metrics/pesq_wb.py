"""Wide-band PESQ (ITU-T P.862.2) of pairs of signals, as a program for `mos-train teach`.

Standard input: pairs, each of them two 32-bit lengths in samples and then the samples of the reference and of the degraded
signal, 16 bits at 16 kHz, all little-endian. Standard output: for each pair one line, a number or "nan" where there is none.
"""

import struct
import sys

import numpy
from pesq import PesqError, pesq


def read(stream, size):
    data = stream.read(size)
    if len(data) < size:
        sys.exit(0)
    return data


while True:
    lengths = struct.unpack("<II", read(sys.stdin.buffer, 8))
    reference, degraded = (numpy.frombuffer(read(sys.stdin.buffer, 2 * n), dtype="<i2") for n in lengths)
    score = pesq(16000, reference, degraded, "wb", on_error=PesqError.RETURN_VALUES)
    print(float(score) if score > 0 else "nan", flush=True)
