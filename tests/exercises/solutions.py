"""Right solutions of all exercises, written independently, and typical wrong ones with the kind that a hint names."""

import torch

RIGHT = {
    "sigmoid_slope": [
        lambda x: torch.sigmoid(x) * torch.sigmoid(-x),
        lambda x: 0.25 * (1 - torch.tanh(x / 2) ** 2),
    ],
    "relu_backward": [
        lambda g, x: torch.where(x > 0, g, 0),
        lambda g, x: g * torch.heaviside(x, torch.zeros((), dtype=x.dtype)),
    ],
    "linear_forward": [
        lambda x, w, b: torch.einsum("ni,oi->no", x, w) + b,
        lambda x, w, b: torch.addmm(b, x, w.T),
    ],
    "linear_backward": [
        lambda g, x, w: (g @ w, g.T @ x, g.sum(0)),
        lambda g, x, w: (
            torch.einsum("no,oi->ni", g, w),
            torch.einsum("no,ni->oi", g, x),
            torch.ones_like(g[:, 0]) @ g,
        ),
        lambda g, x, w: [g.matmul(w), (x.T @ g).T, g.T.sum(dim=1)],
    ],
    "softmax": [
        lambda z: torch.softmax(z, 1),
        lambda z: (z - z.amax(1, keepdim=True)).exp() / (z - z.amax(1, keepdim=True)).exp().sum(1, keepdim=True),
        lambda z: (z - torch.logsumexp(z, 1, keepdim=True)).exp(),
    ],
}

WRONG = {
    "sigmoid_slope": [
        (lambda x: torch.sigmoid(x), "value instead of slope"),
        (lambda x: x - x**2, "input instead of output"),
        (lambda x: 1 - torch.sigmoid(x).square(), "another function"),
        (lambda x: -torch.sigmoid(x) * torch.sigmoid(-x), "sign"),
        (lambda x: 4 * torch.sigmoid(x) * torch.sigmoid(-x), "constant factor"),
        (lambda x: (-x).exp() / (1 + (-x).exp()) ** 2, "not finite"),
    ],
    "relu_backward": [
        (lambda g, x: (x > 0).to(x.dtype), "missing upstream gradient"),
        (lambda g, x: g.clamp(min=0), "wrong mask"),
        (lambda g, x: g * x.clamp(min=0), "value instead of slope"),
        (lambda g, x: g * (x >= 0), "wrong at zero"),
        (lambda g, x: g.clone(), "missing slope"),
        (lambda g, x: torch.where(x > 0, -g, 0), "sign"),
        (lambda g, x: g * torch.sign(x), "activation derivative"),
    ],
    "linear_forward": [
        (lambda x, w, b: x @ w.T, "missing bias"),
        (lambda x, w, b: x @ (w if w.shape[0] == w.shape[1] else w.T) + b, "transposed"),
        (lambda x, w, b: x @ w.T - b, "sign"),
        (lambda x, w, b: (x @ w.T + b).T, "transposed"),
        (lambda x, w, b: x @ w.T + b.sum(), "term"),
        (lambda x, w, b: (x @ w.T + b) / len(x), "constant factor"),
    ],
    "linear_backward": [
        (lambda g, x, w: (g @ w, x.T @ g, g.sum(0)), "transposed"),
        (lambda g, x, w: (g @ w, g.T @ x, g), "missing sum"),
        (lambda g, x, w: (g @ w, g.T @ x, g.sum(1)), "wrong axis"),
        (lambda g, x, w: (g @ w, g.T @ x / len(x), g.mean(0)), "constant factor"),
        (lambda g, x, w: (g @ (w.T if w.shape[0] == w.shape[1] else w), g.T @ x, g.sum(0)), "transposed"),
        (lambda g, x, w: (-g @ w, g.T @ x, g.sum(0)), "sign"),
        (lambda g, x, w: (g @ w, g.T @ x, g.sum(0, keepdim=True)), "shape"),
        (lambda g, x, w: (g @ w, g.T @ x, g[0]), "missing sum"),
    ],
    "softmax": [
        (lambda z: z.exp() / z.exp().sum(1, keepdim=True), "not finite"),
        (lambda z: torch.softmax(z - z.max(), 0), "wrong axis"),
        (lambda z: z.exp() / z.exp().sum(), "wrong axis"),
        (lambda z: z.exp(), "missing sum"),
        (lambda z: z / z.sum(1, keepdim=True), "missing exponential"),
        (lambda z: (z - z.max()).exp() / (z - z.max()).exp().sum(1, keepdim=True), "not finite"),
        (lambda z: torch.log_softmax(z, 1), "logarithm"),
    ],
}
