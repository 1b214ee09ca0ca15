"""Scores of the reference implementations for teachers.test.ts: golden.json.

pip install "torch>=2" "distillmos==0.9.1" "xls-r-sqa==0.1.0" "speechmos==0.0.1.1" numpy soundfile librosa onnxruntime requests
python make_golden.py
"""

import json
import os
import pathlib
import sys
import types

# Before speechmos loads onnxruntime: its telemetry is off.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import soundfile
import torch

# distillmos imports torchaudio for its command line only.
sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))

from distillmos import ConvTransformerSQAModel  # noqa: E402
from speechmos import dnsmos, plcmos  # noqa: E402

here = pathlib.Path(__file__).parent
fixtures = here.parent.parent.parent / "test" / "fixtures"
clips = ["golden/0041.wav", "golden/0130.wav", "golden/0251.wav", "speech/woman-2.wav"]

# The raters that PLCMOS is asked for: fixed ones instead of random ones, value n of rater r.
RATERS = 3


def rater(index):
    return np.sin(0.7 * (64 * index + np.arange(64)) ** 2 % 6.28) * 1.5


def main():
    torch.set_num_threads(1)
    distill_mos = ConvTransformerSQAModel()
    distill_mos.eval()
    plc = plcmos.PLCMOS(embed_rounds=RATERS)
    scores = {}
    for name in clips:
        samples, rate = soundfile.read(fixtures / name, dtype="float32")
        assert rate == 16000
        with torch.no_grad():
            first = torch.from_numpy(samples[:122880])[None]
            distill = distill_mos(first).item()
        dns = dnsmos.run(samples, rate)
        calls = iter(range(RATERS))
        np.random.normal = lambda size: rater(next(calls))
        scores[name] = {
            "distill-mos": distill,
            "dnsmos-p808": float(dns["p808_mos"]),
            "dnsmos-p835-overall": float(dns["ovrl_mos"]),
            "dnsmos-p835-signal": float(dns["sig_mos"]),
            "plcmos": float(plc.get_mos(samples)),
        }
    golden = {"raters": [rater(index).tolist() for index in range(RATERS)], "scores": scores}
    (here / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    print(json.dumps(scores, indent=1))


main()
