import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from locus2target.sequence.networks.residual import Residual
from locus2target.sequence.patches import PatchEngine

torch.set_num_threads(1)
TABLE = torch.zeros(5, 4)
TABLE[:4] = torch.eye(4)
QUARTERS = TABLE.clone()
QUARTERS[4] = 0.25


class Cube(nn.Module):
    """A function of single values that torch does not have."""

    def forward(self, x):
        return x**3


def randomized(network):
    """Weights and running statistics drawn at random, in eval mode, in float64: rounding hides no mistake."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network.double().eval()


def full_change(network, table, codes, windows, starts, alts):
    """The answer by two passes of the whole network over every haplotype."""
    changed = codes[windows].clone()
    for v, (start, alt) in enumerate(zip(starts, alts, strict=True)):
        for i, base in enumerate(alt):
            if start + i < changed.shape[1]:
                changed[v, start + i] = int(base)
    with torch.inference_mode():
        both = [network(table[x.long()].transpose(1, 2)) for x in (changed, codes[windows])]
    return both[0] - both[1]


def check(network, codes, windows, starts, alts, *, table=TABLE, elementwise=()):
    table = table.double()
    engine = PatchEngine.of(network, table, elementwise=elementwise)
    reference = engine.reference(codes)
    found = engine.changes(reference, windows, starts, alts)
    expected = full_change(network, table, codes, windows, starts, alts)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    few = [0, len(starts) // 2]  # so few that no activation is turned around for them
    found = engine.changes(engine.reference(codes), windows[few], starts[few], alts[few])
    torch.testing.assert_close(found, expected[few], rtol=1e-9, atol=1e-9)
    with torch.inference_mode():
        torch.testing.assert_close(reference.output, network(table[codes.long()].transpose(1, 2)))


def every_change(codes, n_bases=1):
    """All positions of all windows, with bases that differ from the reference."""
    n, length = codes.shape
    windows, starts = (grid.ravel() for grid in np.meshgrid(np.arange(n), np.arange(length), indexing="ij"))
    columns = np.minimum(starts[:, None] + np.arange(n_bases), length - 1)
    alts = (codes.numpy()[windows[:, None], columns] + 1 + (starts[:, None] + np.arange(n_bases)) % 3) % 4
    return windows, starts, alts.astype(np.uint8)


@st.composite
def columnwise_layers(draw, channels):
    """A layer that keeps columns, and the channels behind it."""
    kernel, dilation, step = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    wider, pad = draw(st.integers(1, 4)), draw(st.integers(0, kernel // 2))
    same = nn.Conv1d(channels, channels, kernel, padding="same", dilation=dilation)
    choices = [
        (nn.Conv1d(channels, wider, kernel, padding="same", dilation=dilation), wider),
        (nn.Conv1d(channels, wider, kernel, padding="valid", dilation=dilation), wider),
        (nn.Conv1d(channels, wider, kernel, padding=draw(st.integers(0, 3)), dilation=dilation), wider),
        (nn.Conv1d(channels, wider, kernel, stride=step, padding=pad), wider),
        (nn.BatchNorm1d(channels), channels),
        (draw(st.sampled_from([nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, Cube]))(), channels),
        (nn.MaxPool1d(kernel, step, padding=pad), channels),
        (nn.AvgPool1d(kernel, step, padding=pad), channels),
        (Residual(nn.ReLU(), same, nn.BatchNorm1d(channels)), channels),
    ]
    return draw(st.sampled_from(choices))


@st.composite
def networks(draw, length):
    layers, channels = [], 4
    for _ in range(draw(st.integers(1, 5))):
        layer, wider = draw(columnwise_layers(channels))
        probe = nn.Sequential(*layers, layer).eval()
        try:
            probe(torch.zeros(1, 4, length))
        except RuntimeError:  # nothing is left of the window
            continue
        layers.append(layer)
        channels = wider
    columns = nn.Sequential(*layers).eval()(torch.zeros(1, 4, length)).shape[2]
    readout = draw(st.sampled_from(["mean", "max", "dense"]))
    if readout == "dense":
        ending = [nn.Flatten(), nn.Linear(channels * columns, 5)]
    else:
        pool = nn.AdaptiveAvgPool1d(1) if readout == "mean" else nn.AdaptiveMaxPool1d(1)
        ending = [pool, nn.Flatten(), nn.Linear(channels, 5)]
    tail = draw(st.sampled_from([[], [nn.BatchNorm1d(5), nn.GELU()], [nn.ReLU(), nn.Linear(5, 3)]]))
    return nn.Sequential(*layers, *ending, *tail)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch copies there; the answer is the same
@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_chain_of_layers_gives_the_change_of_the_whole_network_at_every_position(data):
    torch.manual_seed(data.draw(st.integers(0, 1000)))
    length = data.draw(st.integers(9, 30))
    network = randomized(data.draw(networks(length)))
    codes = torch.randint(0, 4, (2, length), dtype=torch.uint8)
    check(network, codes, *every_change(codes, data.draw(st.integers(1, 3))), elementwise=(Cube,))


READOUTS = {
    "mean": lambda: [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 3)],
    "max": lambda: [nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(6, 3)],
    "dense": lambda: [nn.Flatten(), nn.Linear(6 * 16, 4), nn.BatchNorm1d(4), nn.GELU()],
}


def published_shape(readout):
    """Pools, dilation and residual blocks as accessibility networks have them; windows of 96 bases."""
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv1d(4, 8, 15, padding="same"),
        nn.BatchNorm1d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool1d(3),
        Residual(nn.Conv1d(8, 8, 3, padding="same", dilation=2), nn.ReLU(), nn.Conv1d(8, 8, 1)),
        nn.GELU(),
        nn.MaxPool1d(2),
        nn.Conv1d(8, 6, 5, padding="same"),
        nn.Dropout(0.2),
        *READOUTS[readout](),
    )
    return randomized(network)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("n_bases", [1, 4])
def test_float32_is_exact_to_1e_6_and_as_good_as_the_difference_of_two_passes(readout, n_bases):
    network = published_shape(readout)
    codes = torch.randint(0, 4, (1, 96), dtype=torch.uint8)
    changes = every_change(codes, n_bases)
    expected = full_change(network, TABLE.double(), codes, *changes)
    single = network.float()
    engine = PatchEngine.of(single, TABLE)
    error = (engine.changes(engine.reference(codes), *changes) - expected).abs()
    error_of_passes = (full_change(single, TABLE, codes, *changes) - expected).abs()
    assert error.max() < 1e-6
    assert error.mean() < 1.5 * error_of_passes.mean()


@pytest.mark.parametrize("table", [TABLE, QUARTERS], ids=["zero", "quarter"])
def test_unknown_bases_read_the_column_of_the_table(table):
    network = published_shape("mean")
    codes = torch.randint(0, 5, (2, 60), dtype=torch.uint8)
    check(network, codes, *every_change(codes), table=table)


def test_the_answer_does_not_depend_on_the_other_variants():
    network = published_shape("max").float()
    codes = torch.randint(0, 4, (2, 200), dtype=torch.uint8)
    engine = PatchEngine.of(network, TABLE)
    reference = engine.reference(codes)
    windows, starts, alts = every_change(codes)
    order = np.random.default_rng(0).permutation(len(starts))
    together = engine.changes(reference, windows, starts, alts)
    mixed = engine.changes(reference, windows[order], starts[order], alts[order])
    torch.testing.assert_close(together[order], mixed, rtol=0, atol=1e-7)
    alone = torch.cat([engine.changes(reference, windows[[v]], starts[[v]], alts[[v]]) for v in (0, 99, 399)])
    torch.testing.assert_close(together[[0, 99, 399]], alone, rtol=0, atol=1e-7)


def test_nothing_changes_where_alt_is_the_reference():
    network = published_shape("dense").float()
    codes = torch.randint(0, 4, (1, 96), dtype=torch.uint8)
    engine = PatchEngine.of(network, TABLE)
    alts = codes.numpy().T.copy()
    changes = engine.changes(engine.reference(codes), np.zeros(96, np.int64), np.arange(96), alts)
    assert changes.abs().max() < 1e-6
    assert engine.changes(engine.reference(codes), *(np.empty(0, np.int64),) * 2, alts[:0]).shape == (0, 4)


@pytest.mark.parametrize(
    "layer",
    [
        Cube(),
        nn.Conv1d(4, 4, 3, groups=2),
        nn.Conv1d(4, 4, 3, padding=1, padding_mode="circular"),
        nn.MaxPool1d(2, ceil_mode=True),
        nn.AvgPool1d(2, ceil_mode=True),
        nn.AvgPool1d(3, padding=1, count_include_pad=False),
        nn.BatchNorm1d(4, track_running_stats=False),
        nn.InstanceNorm1d(4),
        Residual(nn.InstanceNorm1d(4)),
    ],
    ids=str,
)
def test_a_layer_that_is_not_known_has_no_engine(layer):
    ending = [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2)]
    assert PatchEngine.of(nn.Sequential(layer, *ending).eval(), TABLE) is None
    assert PatchEngine.of(nn.Sequential(nn.Conv1d(4, 4, 1), *ending, layer).eval(), TABLE) is None


@pytest.mark.parametrize(
    "ending",
    [[], [nn.Flatten()], [nn.AdaptiveAvgPool1d(2), nn.Flatten(), nn.Linear(8, 2)]],
    ids=["no readout", "flat only", "two columns"],
)
def test_a_readout_that_is_not_known_has_no_engine(ending):
    assert PatchEngine.of(nn.Sequential(nn.Conv1d(4, 4, 1), *ending).eval(), TABLE) is None
