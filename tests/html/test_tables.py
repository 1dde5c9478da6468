"""What notebooks show of networks and optimizers: their numbers, as HTML in which all text is escaped."""

import pytest
import torch
from torch import nn

import torchnet
from torchnet.html.tables import Bar, log_bars, table

from .cells import Cells


def trained() -> torchnet.MLP:
    generator = torch.Generator().manual_seed(0)
    net = torchnet.MLP((5, 4, 4, 3), "relu", normalization="rms_norm", residual=True, generator=generator)
    x, targets = torch.randn(7, 5, generator=generator), torch.randint(3, (7,), generator=generator)
    _, grad_logits = torchnet.cross_entropy(net(x), targets)
    net.backward(grad_logits)
    return net


def test_a_network_has_a_row_for_each_layer_with_shapes_counts_and_norms():
    net = trained()
    found = Cells(net._repr_html_())
    block, norm = net[1][2], net[2]
    by_name = {row[0]: row for row in found.rows[1:]}
    assert list(by_name) == ["0", "1", "1.0", "1.1", "1.2", "2", "3", "4"]
    norms = [f"{float(it.norm()):#.3g}" for it in (block.weight, block.weight.grad)]
    assert by_name["1.2"] == ["1.2", "Linear", "(4, 4)", "20", *norms]
    norms = [f"{float(it.norm()):#.3g}" for it in (norm.weight, norm.weight.grad)]
    assert by_name["2"] == ["2", "RMSNorm", "(4,)", "4", *norms]
    assert by_name["1"][1:] == ["Residual", "", "", "", ""]
    assert by_name["3"][1:] == ["ReLU", "", "", "", ""]
    assert "MLP, 67 weights, torch.float32 on cpu, training mode" in found.outside
    assert "backward" not in "".join(found.outside)


def test_layers_in_nested_sequences_have_rows_with_the_shapes_of_filters():
    block = torchnet.Residual(torchnet.Conv2d(4, 4, 3, padding=1, bias=False))
    net = torchnet.Sequential(torchnet.Conv2d(2, 4, (3, 5)), torchnet.Sequential(block, torchnet.MaxPool2d(2)))
    rows = [row[:4] for row in Cells(net._repr_html_()).rows[1:]]
    assert rows == [
        ["0", "Conv2d", "(4, 2, 3, 5)", "124"],
        ["1", "Sequential", "", ""],
        ["1.0", "Residual", "", ""],
        ["1.0.0", "Conv2d", "(4, 4, 3, 3)", "144"],
        ["1.1", "MaxPool2d", "", ""],
    ]


def test_without_a_backward_pass_the_gradients_say_so():
    net = torchnet.MLP((5, 4, 3))
    found = Cells(net._repr_html_())
    assert [row[-1] for row in found.rows[1:]] == ["none yet", "", "none yet"]
    assert "net.backward(grad_logits)" in found.outside[-1]


def test_layers_alone_are_one_row_and_blocks_have_their_layers():
    net = trained()
    (row,) = Cells(net[0]._repr_html_()).rows[1:]
    assert row[1:4] == ["Linear", "(4, 5)", "24"]
    assert [row[1] for row in Cells(net[1]._repr_html_()).rows[1:]] == ["RMSNorm", "ReLU", "Linear"]
    assert "no weights" in torchnet.ReLU()._repr_html_()


def test_deep_networks_are_cut_in_the_middle():
    net = torchnet.MLP((2,) * 101)
    rows = Cells(net._repr_html_()).rows[1:]
    assert len(rows) == 61
    assert rows[40][1] == "... 139 more"
    assert (rows[39][0], rows[41][0], rows[60][0]) == ("39", "179", "198")


def test_weights_without_values_and_with_bad_values_are_shown():
    net = torchnet.MLP((2, 2, 2))
    net[0].weight.fill_(torch.inf)
    net[2].weight.zero_()
    assert [row[4] for row in Cells(net._repr_html_()).rows[1:]] == ["inf", "", "0"]
    assert [row[4] for row in Cells(net.to("meta")._repr_html_()).rows[1:]] == ["", "", ""]
    assert len(Cells(torchnet.MLP((2, 2), dtype=torch.bfloat16)._repr_html_()).rows) == 2


def test_the_text_of_objects_stays_as_it_is():
    net = trained()
    assert repr(net) == nn.Sequential.__repr__(net)
    assert repr(net).startswith("MLP(\n  (0): Linear(in_features=5")


def test_bars_have_three_digits_and_a_log_scale_of_at_least_three_decades():
    widths = [cell.width for cell in log_bars([1e-3, 1e-1, 1.0, 0.0])]
    assert widths == pytest.approx([0.02, 2 / 3, 1, 0])
    assert [cell.width for cell in log_bars([1e-8, 1e-4, 1.0])] == pytest.approx([0.02, 0.5, 1])
    assert [cell.width for cell in log_bars([0.5, 1.0])] == pytest.approx([0.8997, 1], abs=1e-4)
    assert log_bars([None, float("nan")]) == ["", Bar("nan", 0)]
    assert [cell.text for cell in log_bars([8.0, 7.97, 100.0, 1e-8])] == ["8.00", "7.97", "100", "1.00e-08"]
    assert "width:67%;height" in table("", (), [log_bars([1e-1, 1.0])])


def test_text_is_escaped_and_there_is_no_script():
    evil = "<script>alert(1)</script>"
    text = table(evil, [evil], [[evil, Bar(evil, 1)]], evil)
    assert set(Cells(text).tags) == {"table", "caption", "b", "thead", "tr", "th", "tbody", "td", "span", "div"}
    assert Cells(text).rows == [[evil], [evil, evil]]

    class Own(torchnet.layers.Identity):
        pass

    Own.__name__ = evil
    net = torchnet.MLP((2, 2))
    net.add_module("<b>", Own())
    assert "<b>&lt;" not in net._repr_html_()
    assert "<script" not in net._repr_html_()


def test_an_optimizer_shows_its_options_and_its_state():
    net = trained()
    groups = [{"params": [net[0].weight, net[0].bias], "lr": torch.tensor(0.25)}, {"params": [net[2].weight]}]
    optimizer = torchnet.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    before = Cells(optimizer._repr_html_()).rows
    names = ["group", "lr", "momentum", "dampening", "weight_decay", "nesterov", "tensors", "weights", "state"]
    assert sorted(before[0]) == sorted(names)
    values = [dict(zip(before[0], row, strict=True)) for row in before[1:]]
    assert [it["lr"] for it in values] == ["0.25", "0.1"]
    assert (
        values[0] | {"momentum": "0.9", "nesterov": "True", "tensors": "2", "weights": "24", "state": "none yet"}
        == (values[0])
    )
    net[0].bias.grad = None
    optimizer.step()
    after = Cells(optimizer._repr_html_()).rows
    assert [row[-1] for row in after[1:]] == ["momentum_buffer: 1 of 2 tensors", "momentum_buffer: 1 of 1 tensors"]
