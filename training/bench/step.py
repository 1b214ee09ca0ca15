"""The student of a configuration in PyTorch (eager), trained on made-up batches: the other side of training-speed.ts.

First line of standard input: {"network", "training", "batchSize", "frames", "channelsLast"}. Each later line is a number of steps to
make; the answer is one line of JSON: {"wallMs", "cpuMs"} of all of them together.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)


class Student(nn.Module):
    def __init__(self, network):
        super().__init__()
        epsilon, width, heads = 1e-3, network["width"], network["pooling"]["heads"]
        if network["memory"]["kind"] != "lstm" or not network["pooling"]["deviation"]:
            sys.exit("step.py knows students with an LSTM and pooled deviations")
        self.input = nn.BatchNorm1d(network["mels"], eps=epsilon)
        self.paddings, layers, channels, bands = [], [], 1, network["mels"]
        for layer in network["trunk"]:
            kernel, stride, filters = layer["kernel"], layer["stride"], layer["channels"]
            half = kernel[1] // 2
            self.paddings.append((half, half, kernel[0] - stride[0], 0))
            bands = (bands + 2 * half - kernel[1]) // stride[1] + 1
            if layer["separable"]:
                depthwise = nn.Conv2d(channels, channels, kernel, stride=stride, groups=channels, bias=False)
                convolutions = [depthwise, nn.Conv2d(channels, filters, 1, bias=False)]
            else:
                convolutions = [nn.Conv2d(channels, filters, kernel, stride=stride, bias=False)]
            layers.append(nn.Sequential(*convolutions, nn.BatchNorm2d(filters, eps=epsilon), nn.ReLU()))
            channels = filters
        self.layers = nn.ModuleList(layers)
        self.embedding = nn.Linear(channels * bands, width, bias=False)
        self.normalise = nn.BatchNorm1d(width, eps=epsilon)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.lstm.bias_hh_l0.requires_grad_(False)  # one bias as in the other network
        self.attention = nn.Linear(width, heads, bias=False)
        self.speech = nn.Linear(width, 1)
        self.hidden = nn.Linear(2 * heads * width, network["hidden"])
        self.mos = nn.Linear(network["hidden"], 1)
        self.variance = nn.Linear(network["hidden"], 1)
        self.causes = nn.Linear(network["hidden"], 6)

    def forward(self, frames, window):
        batch, count, mels = frames.shape
        x = self.input(frames.reshape(batch * count, mels)).reshape(batch, 1, count, mels)
        for layer, padding in zip(self.layers, self.paddings):
            x = layer(F.pad(x, padding))
        steps = x.shape[2]
        x = self.embedding(x.permute(0, 2, 3, 1).reshape(batch * steps, -1))
        x = torch.relu(self.normalise(x)).reshape(batch, steps, -1)
        x = x + self.lstm(x)[0]
        speech = self.speech(x)[..., 0]
        weights = torch.softmax(self.attention(x).transpose(1, 2) + (window - 1)[:, None] * 1e9, -1)
        mean = weights @ x
        variance = torch.relu(weights @ (x * x) - mean * mean)
        pooled = torch.cat([mean, (variance + 1e-4).sqrt()], 2).reshape(batch, -1)
        units = torch.relu(self.hidden(pooled))
        return self.mos(units)[:, 0], torch.sigmoid(self.variance(units))[:, 0] * 8 - 6, speech, self.causes(units)


setup = json.loads(sys.stdin.readline())
training, batch, frames = setup["training"], setup["batchSize"], setup["frames"]
student = Student(setup["network"])
if setup["channelsLast"]:
    student = student.to(memory_format=torch.channels_last)
trained = [parameter for parameter in student.parameters() if parameter.requires_grad]
optimiser = torch.optim.AdamW(trained, lr=1e-3, weight_decay=training["weightDecay"], fused=True)
strides = [layer["stride"][0] for layer in setup["network"]["trunk"]]
steps = frames
for stride in strides:
    steps //= stride
logMel, window = torch.randn(batch, frames, setup["network"]["mels"]), torch.ones(batch, steps)
mos = 1 + 4 * torch.rand(batch)
speech, causes = (torch.rand(batch, steps) > 0.5).float(), (torch.rand(batch, 6) > 0.5).float()


def step():
    weights = training["losses"]
    optimiser.zero_grad(set_to_none=True)
    said, logVariance, spoken, caused = student(logMel, window)
    error = (said - mos) ** 2
    loss = weights["squaredError"] * error.mean()
    loss = loss + weights["likelihood"] * ((error * torch.exp(-logVariance) + logVariance) / 2).mean()
    loss = loss + weights["speech"] * F.binary_cross_entropy_with_logits(spoken, speech)
    loss = loss + weights["causes"] * F.binary_cross_entropy_with_logits(caused, causes)
    loss.backward()
    nn.utils.clip_grad_norm_(trained, training["clipNorm"])
    optimiser.step()
    return loss.item()


print(json.dumps({"parameters": sum(p.numel() for p in trained), "version": torch.__version__}), flush=True)
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(line)):
        step()
    print(json.dumps({"wallMs": 1000 * (time.perf_counter() - wall), "cpuMs": 1000 * (time.process_time() - cpu)}), flush=True)
