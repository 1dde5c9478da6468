"""The figures of networks: what is drawn are the numbers of the networks, and each has a title and names its axes."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib import rc_context, style
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import torchnet
from torchnet import plot
from torchnet.drawing.images import weights_as_colors
from torchnet.drawing.picture import encoded
from torchnet.drawing.style import SERIES, STYLE
from torchnet.health import gradient_health

from ..conftest import ROOT

N = 9


def network(*sizes: int, **options: object) -> tuple[torchnet.MLP, torch.Tensor, torch.Tensor]:
    """Return a network after a backward pass, and its batch."""
    generator = torch.Generator().manual_seed(1)
    net = torchnet.MLP(sizes, generator=generator, dtype=torch.float64, **options)
    x = torch.randn((N, sizes[0]), generator=generator, dtype=torch.float64)
    targets = torch.randint(sizes[-1], (N,), generator=generator)
    _, grad_logits = torchnet.cross_entropy(net(x), targets)
    net.backward(grad_logits)
    return net, x, targets


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(lambda it: hasattr(it, "get_text")))


def test_gradient_flow_draws_the_norm_of_each_gradient_by_depth():
    net, _, _ = network(5, 6, 6, 6, 4, activation="tanh", normalization="layer_norm", residual=True)
    figure = plot.gradient_flow(net)
    (axes,) = figure.axes
    (line,) = axes.lines
    linears = [part for part in net.modules() if isinstance(part, torchnet.Linear)]
    assert [*line.get_xdata()] == [1, 2, 3, 4]
    np.testing.assert_allclose(line.get_ydata(), [part.weight.grad.norm() for part in linears])
    assert axes.get_yscale() == "log"
    for text in ("Gradient flow", "norm of the gradient, ‖∂L/∂W‖", "layer, from the input to the output"):
        assert text in texts(figure)
    assert not figure.legends


def test_gradient_flow_compares_networks_in_colors_of_their_own():
    nets = {"a": network(5, 6, 4)[0], "$b": network(5, 6, 6, 4)[0]}
    figure = plot.gradient_flow(nets)
    (axes,), (legend,) = figure.axes, figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "$b"]
    assert [line.get_color() for line in axes.lines] == list(SERIES[:2])
    assert [line.get_marker() for line in axes.lines] == ["o", "s"]
    for line, net in zip(axes.lines, nets.values(), strict=True):
        np.testing.assert_allclose(
            line.get_ydata(), [part.weight.grad.norm() for part in net if hasattr(part, "weight")]
        )


@pytest.mark.parametrize(("depth", "ticks"), [(1, [1]), (3, [1, 2, 3]), (20, [1, 4, 8, 12, 16, 20])])
def test_gradient_flow_labels_the_first_and_the_last_layer(depth, ticks):
    (axes,) = plot.gradient_flow(network(5, *[6] * (depth - 1), 4)[0]).axes
    assert [*axes.get_xticks()] == ticks


def test_gradient_flow_marks_what_a_log_scale_does_not_have():
    net, _, _ = network(5, 6, 6, 6, 4)
    net[0].weight.grad.zero_()
    net[4].weight.grad[0, 0] = torch.nan
    (axes,) = plot.gradient_flow(net).axes
    norms, zero, nonfinite = axes.lines
    assert [*np.isnan(norms.get_ydata())] == [True, False, True, False]
    assert ([*zero.get_xdata()], zero.get_marker()) == ([1], "v")
    assert ([*nonfinite.get_xdata()], nonfinite.get_marker()) == ([3], "^")
    for part in net:
        if hasattr(part, "weight"):
            part.weight.grad.zero_()
    assert plot.gradient_flow(net)._repr_png_()  # a log scale without any number


def test_a_figure_keeps_its_style_wherever_it_is_drawn():
    net, _, _ = network(5, 6, 6, 4)
    with rc_context(STYLE):
        expected = plot.gradient_flow(net)._repr_png_()
    figure = plot.gradient_flow(net)
    assert figure._repr_png_() == expected
    with style.context("dark_background"):  # as a user may have chosen for figures of their own
        assert plot.gradient_flow(net)._repr_png_() == expected
        assert figure._repr_png_() == expected
    assert b"<text" in encoded(figure, ".svg")  # letters are text, as svg.fonttype says


def test_gradient_flow_takes_networks_of_torch():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    net(torch.ones(2, 3)).sum().backward()
    (line,) = plot.gradient_flow(net).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), [net[0].weight.grad.norm(), net[2].weight.grad.norm()], rtol=1e-6)


@pytest.mark.parametrize("cleared", [True, False])
def test_gradient_flow_says_that_backward_comes_first(cleared):
    net, _, _ = network(5, 6, 4)
    if cleared:
        torchnet.SGD(net.parameters()).zero_grad()
    else:
        net[0].weight.grad = None
    found = 0 if cleared else 1
    with pytest.raises(ValueError, match=rf"got {found} gradients for 2 weight .* net\.backward\(grad_logits\) first"):
        plot.gradient_flow(net)
    with pytest.raises(ValueError, match="expected 1 to 6 networks"):
        plot.gradient_flow(dict.fromkeys("abcdefg", net))


def test_activations_draws_the_fractions_of_the_outputs_of_each_layer():
    net, x, _ = network(5, 6, 7, 4, activation=["sigmoid", "relu"])
    outputs = [net[:2](x).numpy(), net[:4](x).numpy()]
    figure = plot.activations(net, x)
    low, high = min(it.min() for it in outputs), max(it.max() for it in outputs)
    for axes, values in zip(figure.axes, outputs, strict=True):
        heights, edges = np.histogram(values, 40, (low, high))
        np.testing.assert_allclose([bar.get_height() for bar in axes.patches], heights / values.size)
        np.testing.assert_allclose([bar.get_x() for bar in axes.patches], edges[:-1], atol=1e-12)
    assert "Activations by layer" in texts(figure)
    assert "outputs (height: fraction of them)" in texts(figure)


def test_activations_says_the_fractions_that_gradient_health_measures():
    net, x, _ = network(
        5, 16, 16, 16, 4, activation=["sigmoid", "relu", "identity"], normalization="batch_norm", dropout=0.1
    )
    net[0].weight.mul_(20)
    net[1].weight.mul_(9)
    net[5].bias.copy_(torch.linspace(-9, 1, 16))
    before, state = copy.deepcopy(net), {name: value.clone() for name, value in net.state_dict().items()}
    health = gradient_health(copy.deepcopy(net), x, {name: it.grad for name, it in net.named_parameters()}, before)
    net.eval()
    titles = [axes.get_title(loc="left") for axes in plot.activations(net, x).axes]
    saturated, dead = float(health["saturated/layer_1"]), float(health["dead/layer_2"])
    assert 0 < saturated < 1
    assert 0 < dead < 1
    assert titles == [f"1: Sigmoid\n{saturated:.0%} saturated", f"2: ReLU\n{dead:.0%} dead", "3: Identity\n"]
    assert not any(part.training for part in net.modules())
    for name, value in net.state_dict().items():  # also the running statistics
        assert torch.equal(value, state[name])


def test_activations_keeps_what_backward_needs():
    net, x, targets = network(5, 6, 4)
    _, grad_logits = torchnet.cross_entropy(net(x), targets)
    plot.activations(net, x)
    net.backward(grad_logits)


def test_activations_shows_twenty_of_many_layers_and_layers_of_ones_own():
    class Own(torchnet.ReLU):
        pass

    net, x, _ = network(*[3] * 32, activation=Own)
    titles = [axes.get_title(loc="left").partition("\n")[0] for axes in plot.activations(net, x).axes]
    assert len(titles) == 20
    assert (titles[0], titles[-1]) == ("1: Own", "30: Own")


def test_activations_says_where_outputs_are_not_finite():
    net, x, _ = network(5, 6, 6, 4, activation="relu")
    net[2].weight.fill_(torch.inf)
    titles = [axes.get_title(loc="left") for axes in plot.activations(net, x).axes]
    assert titles[1] == "2: ReLU\nInf or NaN"
    with pytest.raises(ValueError, match="expected a network with activations"):
        plot.activations(torchnet.MLP((5, 4)), x.float())


def test_the_decision_surface_has_the_color_of_the_most_probable_class_at_each_point():
    net, x, targets = network(2, 5, 3, activation="tanh", normalization="batch_norm")
    net(x)  # the running statistics move
    figure = plot.decision_surface(net, x, targets)
    assert net.training
    (axes,), (legend,) = figure.axes, figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["class 0", "class 1", "class 2"]
    (image,) = axes.images
    low, high, bottom, top = image.get_extent()
    colors = image.get_array()
    rows, columns = colors.shape[:2]
    net.eval()
    for row, column in ((0, 0), (3, 100), (rows - 1, columns - 1)):
        place = [low + (high - low) * column / (columns - 1), bottom + (top - bottom) * row / (rows - 1)]
        probabilities = net(torch.tensor([place], dtype=torch.float64)).softmax(1)[0].numpy()
        surplus = 1.5 * (probabilities.max() - 1 / 3)
        expected = 1 - 0.5 * surplus * (1 - np.array(to_rgb(SERIES[probabilities.argmax()])))
        np.testing.assert_allclose(colors[row, column], expected, atol=1e-12)
    (points,) = axes.collections
    np.testing.assert_allclose(points.get_offsets(), x)
    np.testing.assert_allclose(points.get_facecolors()[:, :3], [to_rgb(SERIES[k]) for k in targets])
    assert low < x[:, 0].min() < x[:, 0].max() < high
    for text in ("Decision surface", "first input", "second input"):
        assert text in texts(figure)


def test_the_surface_of_one_output_is_its_value():
    net, x, _ = network(2, 5, 1)
    (axes,) = plot.decision_surface(net, x, x[:, :1]).axes
    (image,), (points,) = axes.images, axes.collections
    low, _, bottom, _ = image.get_extent()
    assert image.get_array()[0, 0] == pytest.approx(net(torch.tensor([[low, bottom]]).double()).item())
    np.testing.assert_allclose(points.get_array(), x[:, 0])
    assert points.get_clim() == image.get_clim()


def test_a_surface_needs_two_inputs_and_few_classes():
    net, x, targets = network(3, 5, 2)
    with pytest.raises(ValueError, match=r"expected inputs \(N, 2\) and as many targets, got \(9, 3\) and \(9,\)"):
        plot.decision_surface(net, x, targets)
    net, x, targets = network(2, 5, 7)
    with pytest.raises(ValueError, match="expected at most 6 classes, which colors tell apart, got 7"):
        plot.decision_surface(net, x, targets)


def test_weights_are_images_in_which_blue_is_negative_and_red_positive():
    net, _, _ = network(6, 3, 2)
    net[0].weight.zero_()
    net[0].weight[0, 0], net[0].weight[0, 5] = 2.0, -2.0  # the corners of a 2 x 3 image
    figure = plot.weights(net, shape=(2, 3))
    picture = figure.axes[0].images[0].get_array()
    assert picture.shape == (2, 11, 4)  # 3 units with a pixel between them
    first, last = picture[0, 0].astype(int), picture[1, 2].astype(int)
    assert first[0] > first[2] + 50
    assert last[2] > last[0] + 50
    assert (picture[:, 3, 3] == 0).all()
    assert "Weights of the first layer: 3 of 3 units" in texts(figure)
    with pytest.raises(ValueError, match=r"expected rows of 4 pixels for images \(2, 2\), got 6: pass the shape"):
        plot.weights(net)
    with pytest.raises(ValueError, match="expected a network with a weight matrix"):
        plot.weights(torchnet.ReLU())


def test_networks_of_images_have_filters_gradients_and_histograms():
    generator = torch.Generator().manual_seed(1)
    net = torchnet.ConvNet((1, 8, 8), 3, (4, 6), generator=generator)
    x = torch.rand((N, 8, 8), generator=generator)
    _, grad_logits = torchnet.cross_entropy(net(x), torch.randint(3, (N,), generator=generator))
    net.backward(grad_logits)
    figure = plot.weights(net)
    assert "Weights of the first layer: 4 of 4 filters" in texts(figure)
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(drawn[:5, 6:11, :3], weights_as_colors(net[0].weight[1, 0].double().numpy()))
    (axes,) = plot.gradient_flow(net).axes
    norms = [float(it.grad.norm()) for it in net.parameters() if it.dim() > 1]
    assert len(norms) == 7
    np.testing.assert_allclose(axes.lines[0].get_ydata(), norms, rtol=1e-6)
    with pytest.raises(ValueError, match=r"a network with two inputs, got one for images of shape \(1, 8, 8\)"):
        plot.decision_surface(net, x[:, 0, :2], torch.zeros(N))


def test_images_are_drawn_on_one_scale_with_their_titles():
    samples = torch.arange(3 * 4 * 4).view(3, 16)
    figure = plot.images(samples, ["a", "$b", 3])
    drawn = [axes.images[0] for axes in figure.axes]
    for image, sample in zip(drawn, samples, strict=True):
        np.testing.assert_array_equal(image.get_array(), sample.view(4, 4))
        assert image.get_clim() == (0, 47)
    assert [axes.get_title() for axes in figure.axes] == ["a", "$b", "3"]
    assert [axes.get_title() for axes in plot.images(samples.view(3, 2, 8), torch.tensor([1, 2, 3])).axes] == [
        "1",
        "2",
        "3",
    ]
    with pytest.raises(ValueError, match="titles: expected one for each of 3 images, or none, got 2"):
        plot.images(samples, ["a", "b"])
    with pytest.raises(ValueError, match=r"expected 1 to 64 images .* got \(65, 4, 4\): pass samples"):
        plot.images(torch.zeros(65, 16))


def test_a_notebook_shows_a_figure_as_a_picture_without_pyplot_or_a_display(tmp_path):
    code = """
import sys, torch, torchnet
net = torchnet.MLP((4, 3, 2))
assert "matplotlib" not in sys.modules
_, grad = torchnet.cross_entropy(net(torch.ones(5, 4)), torch.zeros(5, dtype=torch.int64))
net.backward(grad)
figure = torchnet.plot.gradient_flow(net)
picture, size = figure._repr_png_()
assert picture.startswith(b"\\x89PNG") and size == {"width": 484, "height": 352}, size
figure.savefig(sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
"""
    command = [sys.executable, "-c", code, str(tmp_path / "flow.svg")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "flow.svg").is_file()
    assert all(hasattr(plot, name) for name in plot.__all__)
