"""What transformers and xls-r-sqa say of small random networks, for xls-r.test.ts: the folder xls-r.

pip install "torch>=2" "transformers>=4.25" safetensors numpy && pip install --no-deps "xls-r-sqa==0.1.0"
python make_xls_r_golden.py && npx biome format --write xls-r
"""

import json
import pathlib
import shutil
import sys
import types

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Wav2Vec2Config, Wav2Vec2Model

# xls_r_sqa imports torchaudio for its MFCC baseline only.
torchaudio = types.ModuleType("torchaudio")
torchaudio.transforms = types.ModuleType("torchaudio.transforms")
torchaudio.transforms.MFCC = object
sys.modules.update({"torchaudio": torchaudio, "torchaudio.transforms": torchaudio.transforms})

import xls_r_sqa  # noqa: E402
from xls_r_sqa.config import Config, Input  # noqa: E402
from xls_r_sqa import e2e_model  # noqa: E402
from xls_r_sqa.center_crop import CenterCrop  # noqa: E402
from xls_r_sqa.sqa_model import FusionModel, SingleLayerModel  # noqa: E402

out = pathlib.Path(__file__).parent / "xls-r"
published = pathlib.Path(xls_r_sqa.__file__).parent / "models" / "sqa-v2"
FRAMES = 48

common = {
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_dim": [12, 16, 12],
    "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 2, 2],
}
# Even and odd kernels of positions, with and without bias, one file or several, every type of weights.
networks = {
    "whole": (
        torch.float32,
        Wav2Vec2Config(
            **common, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, intermediate_size=40,
            conv_bias=True, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4,
        ),
    ),
    "half": (
        torch.float16,
        Wav2Vec2Config(
            **common, hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=24,
            conv_bias=False, num_conv_pos_embeddings=7, num_conv_pos_embedding_groups=2,
        ),
    ),
    "sharded": (
        torch.bfloat16,
        Wav2Vec2Config(
            **common, hidden_size=16, num_hidden_layers=3, num_attention_heads=4, intermediate_size=24,
            conv_bias=True, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
        ),
    ),
}
# Samples of the waveforms: more frames than a head hears, and fewer.
lengths = [1500, 700]


def numbers(count, start=0):
    """Fixed numbers from -1 to 1, the same in any language: multiplicative hashing (Knuth, TAOCP 6.4)."""
    places = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    return ((places * 2654435761 % 2**32) / 2**31 - 1).astype(np.float32)


def randomise(model, generator):
    """Random weights of a size that keeps every part audible."""
    for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
        if not tensor.is_floating_point() or name.endswith("pe"):
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.dim() > 1:
            value = noise / np.sqrt(tensor[0].numel())
        elif name.endswith("running_var"):
            value = 1 + 0.3 * noise.abs()
        elif name.endswith("weight"):
            value = 1 + 0.3 * noise
        else:
            value = 0.3 * noise
        with torch.no_grad():
            tensor.copy_(value)


def head_config(width, frames):
    config = Config("XLSR", Input.XLSR, feat_seq_len=frames, dim_transformer=8, nhead_transformer=2, nlayers_transformer=2)
    config.dim_input = width
    return config


def save_backbone(model, folder, kind, sharded):
    model.config.save_pretrained(folder)
    state = {name: tensor.to(kind).contiguous() for name, tensor in model.state_dict().items()}
    if not sharded:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return
    # As a checkpoint of a model with a task's head names them, with the older names of weight normalisation.
    renamed = {
        "wav2vec2." + name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in state.items()
    }
    places = {name: f"model-0000{1 + n % 2}-of-00002.safetensors" for n, name in enumerate(renamed)}
    for part in set(places.values()):
        save_file({name: renamed[name] for name in renamed if places[name] == part}, folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}) + "\n")


def save_head(model, path):
    torch.save(model.state_dict(), path)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    e2e_model.FEAT_SEQ_LEN = FRAMES
    shutil.rmtree(out, ignore_errors=True)
    golden = {"frames": FRAMES, "lengths": lengths, "networks": {}, "published": {}}
    for name, (kind, config) in networks.items():
        folder = out / name
        folder.mkdir(parents=True)
        model = Wav2Vec2Model(config).eval()
        randomise(model, generator)
        save_backbone(model, folder, kind, sharded=name == "sharded")
        width, layers = config.hidden_size, config.num_hidden_layers
        heads = {}
        for head, chosen in {"single": [layers - 1], "fusion": [1, layers - 1]}.items():
            sqa_config = head_config(width, FRAMES)
            sqa = (FusionModel if head == "fusion" else SingleLayerModel)(sqa_config)
            randomise(sqa, generator)
            save_head(sqa, folder / f"{head}.pt")
            whole = e2e_model.E2EModel(sqa_config, chosen, xlsr_dir=folder, sqa_path=folder / f"{head}.pt")
            whole.xlsr_model.float()
            whole.eval()
            scores = [whole(torch.from_numpy(0.1 * numbers(length))).item() for length in lengths]
            heads[head] = {"layers": chosen, "scores": scores}
        with torch.no_grad():
            waveform = numbers(lengths[0])
            states = whole.xlsr_model(torch.from_numpy(waveform)[None], output_hidden_states=True).hidden_states
        states = {f"layer{n}": state[0].contiguous() for n, state in enumerate(states)}
        save_file(states, folder / "states.safetensors")
        golden["networks"][name] = heads
    for size, width in {"300m": 1024, "1b": 1280, "2b": 1920}.items():
        for file in sorted((published / f"xls-r-{size}").glob("*_full.pt")):
            sqa_config = Config("XLSR", Input.XLSR, feat_seq_len=384, dim_transformer=32, nlayers_transformer=4)
            sqa_config.dim_input = width
            sqa = (FusionModel if "fusion" in file.name else SingleLayerModel)(sqa_config).eval()
            sqa.load_state_dict(torch.load(file, map_location="cpu"))
            states = [torch.from_numpy(numbers(300 * width, n).reshape(300, width)) for n in range(2)]
            cropped = [CenterCrop(384)(state) for state in states]
            with torch.no_grad():
                score = sqa(cropped if "fusion" in file.name else cropped[0]).item()
            golden["published"][f"xls-r-{size}/{file.name}"] = 1 + 4 * score
    (out / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    print(json.dumps(golden, indent=1))


main()
