"""Right solutions of all exercises, written independently, and typical wrong ones with the kind that a hint names."""

from functools import partial

import numpy as np
import torch


def cross_entropy(z, t):
    n = len(z)
    z = z - z.amax(1, keepdim=True)
    log_p = z - z.exp().sum(1, keepdim=True).log()
    grad = log_p.exp() / n
    grad[range(n), t] -= 1 / n
    return -log_p[range(n), t].mean(), grad


def cross_entropy_by_torch(z, t):
    rows = torch.nn.functional.one_hot(t, z.shape[1]).to(z.dtype)
    loss = (torch.logsumexp(z, 1) - (z * rows).sum(1)).sum() / z.shape[0]
    return loss, (torch.softmax(z, 1) - rows) / z.shape[0]


def cross_entropy_without_graph(z, t):
    return tuple(x.detach() for x in cross_entropy_by_torch(z.detach(), t))


def cross_entropy_in_loops(z, t):
    loss, grad = 0, torch.zeros_like(z)
    for n in range(len(z)):
        largest = max(z[n].tolist())
        powers = [torch.exp(x - largest) for x in z[n]]
        loss = loss + torch.log(sum(powers)) + largest - z[n, t[n]]
        for c in range(z.shape[1]):
            grad[n, c] = (powers[c] / sum(powers) - (1.0 if c == t[n] else 0.0)) / len(z)
    return loss / len(z), grad


def linear_backward_in_loops(g, x, w):
    grad_x, grad_w, grad_b = torch.zeros_like(x), torch.zeros_like(w), torch.zeros_like(w[:, 0])
    for n in range(g.shape[0]):
        for o in range(g.shape[1]):
            grad_b[o] += g[n, o]
            for i in range(x.shape[1]):
                grad_x[n, i] += g[n, o] * w[o, i]
                grad_w[o, i] += g[n, o] * x[n, i]
    return grad_x, grad_w, grad_b


def linear_backward_in_numpy(g, x, w):
    g, x, w = (y.numpy() for y in (g, x, w))
    return tuple(torch.from_numpy(y) for y in (g @ w, np.tensordot(g, x, axes=(0, 0)), g.sum(axis=0)))


def naive_cross_entropy(z, t):
    p = z.exp() / z.exp().sum(1, keepdim=True)
    return -p[range(len(t)), t].log().mean(), cross_entropy(z, t)[1]


def adam(w, g, m, v, step, lr, beta1, beta2, eps):
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g.square() - v)
    size = lr * (1 - beta2**step) ** 0.5 / (1 - beta1**step)  # the other form of the paper
    return w - size * m / (v.sqrt() + eps * (1 - beta2**step) ** 0.5), m, v


def adam_as_written(w, g, m, v, step, lr, beta1, beta2, eps):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return w - lr * (m / (1 - beta1**step)) / (torch.sqrt(v / (1 - beta2**step)) + eps), m, v


def adamw(w, g, m, v, step, lr, beta1, beta2, eps, decay):
    return adam((1 - lr * decay) * w, g, m, v, step, lr, beta1, beta2, eps)


def wrong_adam(w, g, m, v, step, lr, beta1, beta2, eps, of="", decay=0.0):
    if of == "coupled decay":
        g = g + decay * w
    old = w - lr * m / (1 - beta1**step) / (torch.sqrt(v / (1 - beta2**step)) + eps)
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    if of == "old":
        return old, m, v
    t = {"step - 1": step - 1, "step + 1": step + 1}.get(of, step)
    p, q = (1 - beta1**t, 1 - beta2**t) if of != "no correction" and t > 0 else (1.0, 1.0)
    root = torch.sqrt(v / q + eps) if of == "inside" else (v / q) + eps if of == "no root" else torch.sqrt(v / q) + eps
    new = w - lr * m / p / root
    if of == "decay after":
        new = new - lr * decay * new
    if of == "decay without lr":
        new = new - decay * w
    if of == "grows":
        new = new + lr * decay * w
    return new, m, v


def clip(a, b, most):
    norm = torch.cat([a.flatten(), b.flatten()]).norm()
    factor = torch.clamp(most / (norm + 1e-6), max=1.0)
    return a * factor, b * factor


def batch_norm(x, w, b, mean, var, momentum, eps):
    n = len(x)
    centered = x - x.sum(0) / n
    biased = centered.square().sum(0) / n
    y = w * centered * torch.rsqrt(biased + eps) + b
    return y, torch.lerp(mean, x.mean(0), momentum), var + momentum * (biased * n / (n - 1) - var)


def wrong_batch_norm(x, w, b, mean, var, momentum, eps, of):
    m, v, u = x.mean(0), x.var(0, correction=0), x.var(0)
    new = ((1 - momentum) * mean + momentum * m, (1 - momentum) * var + momentum * u)
    if of == "axis":
        return (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + eps) ** 0.5 * w + b, *new
    if of == "cancels":
        v = (x * x).mean(0) - m * m
    if of == "unbiased":
        v = u
    scale = {"std": v.sqrt() + eps, "var": v + eps, "no eps": v.sqrt()}.get(of, (v + eps).sqrt())
    y = (x - m) / scale * w + (0 if of == "no bias" else b)
    if of == "biased running":
        new = (new[0], (1 - momentum) * var + momentum * v)
    if of == "reversed":
        new = (momentum * mean + (1 - momentum) * m, new[1])
    if of == "running":
        y = (x - mean) / (var + eps).sqrt() * w + b
    return y, *new


def batch_norm_backward(g, x, w, eps):
    n = len(x)
    r = (x.var(0, correction=0) + eps).rsqrt()
    h = (x - x.mean(0)) * r
    grad_w, grad_b = (g * h).sum(0), g.sum(0)
    return w * r / n * (n * g - grad_b - h * grad_w), grad_w, grad_b


def batch_norm_backward_in_steps(g, x, w, eps):
    n = len(x)
    centered = x - x.mean(0)
    std = ((centered**2).mean(0) + eps) ** 0.5
    grad_h = g * w
    grad_var = (grad_h * centered).sum(0) * -0.5 * std**-3
    grad_mean = -(grad_h / std).sum(0)
    return grad_h / std + 2 * centered * grad_var / n + grad_mean / n, (g * centered / std).sum(0), g.sum(0)


def wrong_batch_norm_backward(g, x, w, eps, of):
    n = len(x)
    r = (x.var(0, correction=1 if of == "unbiased" else 0) + eps).rsqrt()
    h = (x - x.mean(0)) * r
    d = g * w
    mean, var = d.mean(0), h * (d * h).mean(0)
    grad_x = {
        "constants": r * d,
        "no mean": r * (d - var),
        "no var": r * (d - mean),
        "sum": r * (d - mean - n * var),
        "plus": r * (d - mean + var),
        "sum and plus": r * (d - n * mean + var),
        "no weight": r * (g - g.mean(0) - h * (g * h).mean(0)),
        "no scale": d - mean - var,
    }.get(of, r * (d - mean - var))
    grad_w = (g * {"not normalized": x, "not scaled": x - x.mean(0)}.get(of, h)).sum(0)
    return grad_x, grad_w, g.mean(0) if of == "bias" else g.sum(0)


def layer_norm_backward(g, x, w, eps):
    r = (x.var(1, correction=0, keepdim=True) + eps).rsqrt()
    h = (x - x.mean(1, keepdim=True)) * r
    d = g * w
    grad_x = r * (d - d.mean(1, keepdim=True) - h * (d * h).mean(1, keepdim=True))
    return grad_x, (g * h).sum(0), g.sum(0)


def wrong_layer_norm_backward(g, x, w, eps, of):
    r = (x.var(1, correction=1 if of == "unbiased" else 0, keepdim=True) + eps).rsqrt()
    h = (x - x.mean(1, keepdim=True)) * r
    d = g * w
    mean, var = d.mean(1, keepdim=True), h * (d * h).mean(1, keepdim=True)
    grad_x = {
        "no mean": r * (d - var),
        "no var": r * (d - mean),
        "weight outside": w * r * (g - g.mean(1, keepdim=True) - h * (g * h).mean(1, keepdim=True)),
        "plus": r * (d - mean + var),
        "twice": r * (d - 2 * mean - var),
    }.get(of, r * (d - mean - var))
    if of == "batch":
        h = (x - x.mean(0)) / (x.var(0, correction=0) + eps).sqrt()
    return grad_x, (g * (x if of == "not normalized" else h)).sum(0), g.sum(1 if of == "axis" else 0)


def rms_norm_backward(g, x, w, eps):
    r = ((x * x).mean(1, keepdim=True) + eps).rsqrt()
    return r * g * w - x * r**3 * (g * w * x).mean(1, keepdim=True), (g * x * r).sum(0)


def wrong_rms_norm_backward(g, x, w, eps, of):
    r = ((x * x).mean(1, keepdim=True) + eps).rsqrt()
    d = g * w
    path = x * r**3 * (d * x).mean(1, keepdim=True)
    grad_x = {
        "constant": r * d,
        "sum": r * d - x.shape[1] * path,
        "plus": r * d + path,
        "half": r * d - path / 2,
        "no weight": r * g - x * r**3 * (g * x).mean(1, keepdim=True),
    }.get(of, r * d - path)
    return grad_x, (g * (x if of == "not normalized" else x * r)).sum(1 if of == "axis" else 0)


def mlp_backward(g, x, w1, b1, w2):
    h = torch.tanh(x @ w1.T + b1)
    d = g.mm(w2) * (1 - h * h)
    return d @ w1, torch.einsum("nh,ni->hi", d, x), d.sum(0), g.T.mm(h), g.sum(dim=0)


def wrong_mlp_backward(g, x, w1, b1, w2, of):
    z = x @ w1.T + b1
    h = torch.tanh(z)
    slope = {"none": 1.0, "input": 1 - z**2, "sigmoid": h * (1 - h), "sign": h * h - 1}.get(of, 1 - h * h)
    back = g @ (w2.T if of == "transposed" and w2.shape[0] == w2.shape[1] else w2)
    d = back * slope
    grad_w1 = (d.T @ x) / (len(x) if of == "mean" else 1)
    return d @ w1, grad_w1, d.sum(0), g.T @ (z if of == "before tanh" else h), g.sum(0)


def attention_backward(g, q, k, v):
    scale = q.shape[1] ** -0.5
    weights = torch.softmax(torch.einsum("le,se->ls", q, k) * scale, -1)
    d = g @ v.T
    d = weights * d - weights * (weights * d).sum(1, keepdim=True)
    return d @ k * scale, torch.einsum("ls,le->se", d, q) * scale, torch.einsum("ls,ld->sd", weights, g)


def wrong_attention_backward(g, q, k, v, of):
    root = q.shape[1] ** 0.5
    scores = q @ k.T / root
    p = torch.softmax(scores, 0 if of == "axis" else 1)
    d = g @ (v if of == "transposed" and v.shape[0] == v.shape[1] else v.T)
    d = {
        "no softmax": d,
        "no sum": p * d,
        "diagonal": p * (1 - p) * d,
        "other axis": p * (d - (p * d).sum(0)),
    }.get(of, p * (d - (p * d).sum(1, keepdim=True)))
    last = 1.0 if of == "no scale" else root * root if of == "scaled twice" else root
    return d @ k / last, d.T @ q / last, (scores if of == "scores" else p).T @ g


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
        linear_backward_in_loops,
        linear_backward_in_numpy,
        lambda g, x, w: [g.matmul(w), (x.T @ g).T, g.T.sum(dim=1)],
    ],
    "softmax": [
        lambda z: torch.softmax(z, 1),
        lambda z: (z - z.amax(1, keepdim=True)).exp() / (z - z.amax(1, keepdim=True)).exp().sum(1, keepdim=True),
        lambda z: (z - torch.logsumexp(z, 1, keepdim=True)).exp(),
    ],
    "mean_squared_error": [
        lambda y, t: (((y - t) ** 2).mean(), 2 * (y - t) / y.numel()),
        lambda y, t: (torch.nn.functional.mse_loss(y, t), (y - t) / (0.5 * y.shape[0] * y.shape[1])),
    ],
    "sgd_momentum_step": [
        lambda w, g, v, lr, momentum: (w - lr * (momentum * v + g), momentum * v + g),
        lambda w, g, v, lr, momentum: (torch.sub(w, torch.add(g, v, alpha=momentum), alpha=lr), g + v * momentum),
    ],
    "log_softmax": [
        lambda z: z - torch.logsumexp(z, dim=1, keepdim=True),
        lambda z: (s := z - z.amax(1, keepdim=True)) - s.exp().sum(1, keepdim=True).log(),
        lambda z: torch.log_softmax(z, -1),
    ],
    "silu_backward": [
        lambda g, x: g * (torch.sigmoid(x) + x * torch.sigmoid(x) * (1 - torch.sigmoid(x))),
        lambda g, x: g * torch.sigmoid(x) * (1 + x * torch.sigmoid(-x)),
    ],
    "dropout_backward": [
        lambda g, mask, p: g * mask / (1 - p),
        lambda g, mask, p: torch.where(mask, g / (1 - p), torch.zeros_like(g)),
    ],
    "clip_by_norm": [
        clip,
        lambda a, b, most: tuple(
            x * min(1.0, most / (float((a**2).sum() + (b**2).sum()) ** 0.5 + 1e-6)) for x in (a, b)
        ),
    ],
    "batch_norm_forward": [
        batch_norm,
        lambda x, w, b, mean, var, momentum, eps: (
            w * (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + eps) + b,
            (1 - momentum) * mean + momentum * x.mean(0),
            (1 - momentum) * var + momentum * x.var(0),
        ),
    ],
    "cross_entropy": [cross_entropy, cross_entropy_by_torch, cross_entropy_without_graph, cross_entropy_in_loops],
    "residual_backward": [
        lambda g, x, w: (g + (g * (x @ w.T > 0)) @ w, (g * (x @ w.T > 0)).T @ x),
        lambda g, x, w: (
            g + torch.einsum("no,oi->ni", torch.where(x @ w.T > 0, g, 0), w),
            torch.einsum("no,ni->oi", torch.where(x @ w.T > 0, g, 0), x),
        ),
    ],
    "mlp_backward": [mlp_backward, lambda *given: wrong_mlp_backward(*given, of="nothing")],
    "adam_step": [adam, adam_as_written],
    "adamw_step": [
        adamw,
        lambda w, *rest: adam_as_written(w - rest[4] * rest[-1] * w, *rest[:-1]),
    ],
    "softmax_backward": [
        lambda g, z: (p := torch.softmax(z, 1)) * (g - (g * p).sum(1, keepdim=True)),
        lambda g, z: torch.einsum(
            "nc,nck->nk",
            g,
            torch.diag_embed(torch.softmax(z, 1))
            - torch.einsum("nc,nk->nck", torch.softmax(z, 1), torch.softmax(z, 1)),
        ),
    ],
    "rms_norm_backward": [rms_norm_backward, lambda *given: wrong_rms_norm_backward(*given, of="nothing")],
    "layer_norm_backward": [layer_norm_backward, lambda *given: wrong_layer_norm_backward(*given, of="nothing")],
    "batch_norm_backward": [batch_norm_backward, batch_norm_backward_in_steps],
    "attention_backward": [attention_backward, lambda *given: wrong_attention_backward(*given, of="nothing")],
}

WRONG = {
    "sigmoid_slope": [
        (lambda x: torch.sigmoid(x) ** 2, "wrong factor"),
        (lambda x: (torch.sigmoid(x + 1e-4) - torch.sigmoid(x)) / 1e-4, "nearly right"),
        (lambda x: torch.sigmoid(x), "value instead of slope"),
        (lambda x: x - x**2, "input instead of output"),
        (lambda x: 1 - torch.sigmoid(x).square(), "another function"),
        (lambda x: -torch.sigmoid(x) * torch.sigmoid(-x), "sign"),
        (lambda x: 4 * torch.sigmoid(x) * torch.sigmoid(-x), "constant factor"),
        (lambda x: (-x).exp() / (1 + (-x).exp()) ** 2, "not finite"),
    ],
    "relu_backward": [
        (lambda g, x: g * (x < 0), "sign"),
        (lambda g, x: g * (x > 0.1), "wrong in places"),
        (lambda g, x: torch.where(x > 0, g, 0.01 * g), "wrong slope"),
        (lambda g, x: (x > 0).to(x.dtype), "missing upstream gradient"),
        (lambda g, x: g.clamp(min=0), "wrong mask"),
        (lambda g, x: g * x.clamp(min=0), "value instead of slope"),
        (lambda g, x: g * (x >= 0), "wrong at zero"),
        (lambda g, x: g.clone(), "missing slope"),
        (lambda g, x: torch.where(x > 0, -g, 0), "sign"),
        (lambda g, x: g * torch.sign(x), "wrong slope"),
    ],
    "linear_forward": [
        (lambda x, w, b: x @ w.T + 2 * b, "wrong term"),
        (lambda x, w, b: torch.relu(x @ w.T + b), "wrong in places"),
        (lambda x, w, b: x @ w.T, "missing bias"),
        (lambda x, w, b: x @ (w if w.shape[0] == w.shape[1] else w.T) + b, "transposed"),
        (lambda x, w, b: x @ w.T - b, "sign"),
        (lambda x, w, b: (x @ w.T + b).T, "transposed"),
        (lambda x, w, b: x @ w.T + b.sum(), "wrong term"),
        (lambda x, w, b: (x @ w.T + b) / len(x), "constant factor"),
    ],
    "linear_backward": [
        (lambda g, x, w: (g @ w / len(x), g.T @ x / len(x), g.mean(0)), "constant factor"),
        (lambda g, x, w: (g @ w, g.T @ x, g.sum(0).flip(0)), "permuted"),
        (lambda g, x, w: (g @ w, x.T @ g, g.sum(0)), "transposed"),
        (lambda g, x, w: (g @ w, g.T @ x, g), "missing sum"),
        (lambda g, x, w: (g @ w, g.T @ x, g.sum(1)), "wrong axis"),
        (lambda g, x, w: (g @ w, g.T @ x / len(x), g.mean(0)), "constant factor"),
        (lambda g, x, w: (g @ (w.T if w.shape[0] == w.shape[1] else w), g.T @ x, g.sum(0)), "transposed"),
        (lambda g, x, w: (-g @ w, g.T @ x, g.sum(0)), "sign"),
        (lambda g, x, w: (g @ w, g.T @ x, g.sum(0, keepdim=True)), "wrong shape"),
        (lambda g, x, w: (g @ w, g.T @ x, g[0]), "missing sum"),
    ],
    "softmax": [
        (lambda z: torch.sigmoid(z), "sigmoid"),
        (lambda z: torch.softmax(-z, 1), "sign"),
        (
            lambda z: (
                torch.exp(z - z.mean(1, keepdim=True)) / torch.exp(z - z.mean(1, keepdim=True)).sum(1, keepdim=True)
            ),
            "not finite",
        ),
        (lambda z: z.exp() / z.exp().sum(1, keepdim=True), "not finite"),
        (lambda z: torch.softmax(z - z.max(), 0), "wrong axis"),
        (lambda z: z.exp() / z.exp().sum(), "wrong axis"),
        (lambda z: z.exp(), "missing sum"),
        (lambda z: z / z.sum(1, keepdim=True), "missing exponential"),
        (lambda z: (z - z.max()).exp() / (z - z.max()).exp().sum(1, keepdim=True), "not finite"),
        (lambda z: torch.log_softmax(z, 1), "logarithm"),
    ],
    "mean_squared_error": [
        (lambda y, t: (((y - t) ** 2).sum(), 2 * (y - t)), "missing mean"),
        (lambda y, t: (((y - t) ** 2).sum(1).mean(), 2 * (y - t) / len(y)), "wrong mean"),
        (lambda y, t: ((y - t).abs().mean(), torch.sign(y - t) / y.numel()), "missing square"),
        (lambda y, t: (((y - t) ** 2).mean(), (y - t) / y.numel()), "constant factor"),
        (lambda y, t: (((y - t) ** 2).mean(), 2 * (y - t) / len(y)), "constant factor"),
        (lambda y, t: (((y - t) ** 2).mean(), 2 * (t - y) / y.numel()), "sign"),
        (lambda y, t: (((y - t) ** 2).mean() ** 0.5, 2 * (y - t) / y.numel()), "square root"),
    ],
    "sgd_momentum_step": [
        (lambda w, g, v, lr, m: (w - lr * (m * v - g), m * v - g), "wrong factor in a term"),
        (lambda w, g, v, lr, m: (w - (m * v + g), m * v + g), "wrong factor in a term"),
        (lambda w, g, v, lr, m: (w - lr * v, m * v + g), "old velocity"),
        (lambda w, g, v, lr, m: (w - lr * (m * v + (1 - m) * g), m * v + (1 - m) * g), "dampening"),
        (lambda w, g, v, lr, m: (w - (m * v + lr * g), m * v + lr * g), "learning rate in the velocity"),
        (lambda w, g, v, lr, m: (w + lr * (m * v + g), m * v + g), "sign"),
        (lambda w, g, v, lr, m: (w - lr * g, m * v + g), "missing velocity"),
        (lambda w, g, v, lr, m: (w - lr * (g + m * (m * v + g)), m * v + g), "look ahead"),
        (lambda w, g, v, lr, m: (w - lr * (v + g), v + g), "missing momentum"),
    ],
    "log_softmax": [
        (lambda z: torch.softmax(z, 1).log(), "not finite"),
        (lambda z: z - z.exp().sum(1, keepdim=True).log(), "not finite"),
        (lambda z: torch.log(torch.softmax(z, 1) + 1e-12), "epsilon in the logarithm"),
        (lambda z: torch.softmax(z, 1).clamp(min=1e-20).log(), "wrong in places"),
        (lambda z: torch.log_softmax(z, 0), "wrong axis"),
        (lambda z: z - z.exp().sum(1, keepdim=True), "missing logarithm"),
        (lambda z: torch.logsumexp(z, 1, keepdim=True) - z, "sign"),
        (lambda z: z - torch.logsumexp(z, (0, 1)), "wrong term"),
    ],
    "silu_backward": [
        (lambda g, x: g * (torch.sigmoid(x) + 2 * x * torch.sigmoid(x) * torch.sigmoid(-x)), "wrong factor in a path"),
        (lambda g, x: g * torch.sigmoid(x), "missing path"),
        (lambda g, x: g * x * torch.sigmoid(x) * (1 - torch.sigmoid(x)), "missing path"),
        (lambda g, x: g * torch.sigmoid(x) * (1 - torch.sigmoid(x)), "product of slopes"),
        (lambda g, x: torch.sigmoid(x) * (1 + x * torch.sigmoid(-x)), "upstream gradient"),
        (lambda g, x: g * torch.sigmoid(x) * (1 - x * torch.sigmoid(-x)), "wrong sign in a path"),
        (lambda g, x: g * torch.sigmoid(x) * (1 + x), "missing factor"),
    ],
    "dropout_backward": [
        (lambda g, mask, p: g * (torch.rand_like(g) > p) / (1 - p), "not repeatable"),
        (lambda g, mask, p: g * mask, "missing scale"),
        (lambda g, mask, p: g / (1 - p), "missing mask"),
        (lambda g, mask, p: torch.where(mask, 0, g) / (1 - p), "inverted mask"),
        (lambda g, mask, p: g * mask / p, "p instead of 1 - p"),
        (lambda g, mask, p: g * mask * (1 - p), "constant factor"),
        (lambda g, mask, p: mask.to(g.dtype) / (1 - p), "upstream gradient"),
        (lambda g, mask, p: -g * mask / (1 - p), "sign"),
    ],
    "clip_by_norm": [
        (lambda a, b, most: (clip(a, 0 * b, most)[0], clip(0 * a, b, most)[1]), "separate norms"),
        (lambda a, b, most: (a.clamp(-most, most), b.clamp(-most, most)), "clipping by value"),
        (
            lambda a, b, most: tuple(x * most / ((a**2).sum() + (b**2).sum() + 1e-12).sqrt() for x in (a, b)),
            "missing epsilon",
        ),
        (
            lambda a, b, most: tuple(x * (most / (((a**2).sum() + (b**2).sum()) ** 0.5 + 1e-6)) for x in (a, b)),
            "scaled up",
        ),
        (lambda a, b, most: tuple(x * most / ((a**2).sum() + (b**2).sum() + 1e-6) for x in (a, b)), "missing root"),
        (lambda a, b, most: (clip(a, b, most)[0], b), "not clipped"),
        (lambda a, b, most: tuple(-x for x in clip(a, b, most)), "sign"),
    ],
    "batch_norm_forward": [
        (lambda x, w, b, mean, var, *rest: (batch_norm(x, w, b, mean, var, *rest)[0], mean, var), "not updated"),
        (partial(wrong_batch_norm, of="unbiased"), "unbiased variance"),
        (partial(wrong_batch_norm, of="axis"), "wrong axis"),
        (partial(wrong_batch_norm, of="std"), "epsilon outside of the root"),
        (partial(wrong_batch_norm, of="var"), "missing root"),
        (partial(wrong_batch_norm, of="biased running"), "biased variance"),
        (partial(wrong_batch_norm, of="reversed"), "momentum reversed"),
        (partial(wrong_batch_norm, of="running"), "running statistics"),
        (partial(wrong_batch_norm, of="cancels"), "rounding"),
        (partial(wrong_batch_norm, of="no bias"), "wrong term"),
        (partial(wrong_batch_norm, of="no eps"), "missing epsilon"),
    ],
    "cross_entropy": [
        (lambda z, t: (len(z) * cross_entropy(z, t)[0], cross_entropy(z, t)[1]), "missing mean"),
        (lambda z, t: (cross_entropy(z, t)[0], len(z) * cross_entropy(z, t)[1]), "constant factor"),
        (lambda z, t: (cross_entropy(z, t)[0], -cross_entropy(z, t)[1]), "sign"),
        (lambda z, t: (-cross_entropy(z, t)[0], cross_entropy(z, t)[1]), "sign"),
        (naive_cross_entropy, "not finite"),
        (lambda z, t: (cross_entropy(z, t)[0], torch.softmax(z, 1) / len(z)), "missing target"),
        (lambda z, t: (-torch.log_softmax(z, 1).sum(1).mean(), cross_entropy(z, t)[1]), "all classes"),
        (lambda z, t: (-z[range(len(t)), t].mean(), cross_entropy(z, t)[1]), "missing softmax"),
        (lambda z, t: (cross_entropy(z, t)[0], cross_entropy(z, t.flip(0))[1]), "wrong in places"),
    ],
    "residual_backward": [
        (lambda g, x, w: (g.clone(), (g * (x @ w.T > 0)).T @ x), "missing path"),
        (lambda g, x, w: ((g * (x @ w.T > 0)) @ w, (g * (x @ w.T > 0)).T @ x), "missing path"),
        (lambda g, x, w: (g + (g * (x @ w.T > 0)) @ w.T, (g * (x @ w.T > 0)).T @ x), "transposed"),
        (lambda g, x, w: (g + (g * (x @ w.T > 0)) @ w, x.T @ (g * (x @ w.T > 0))), "transposed"),
        (lambda g, x, w: (g + g @ w, (g * (x @ w.T > 0)).T @ x), "wrong derivative"),
        (lambda g, x, w: (g + (g * (x @ w.T > 0)) @ w, g.T @ x), "missing slope"),
        (lambda g, x, w: (g - (g * (x @ w.T > 0)) @ w, (g * (x @ w.T > 0)).T @ x), "wrong sign in a path"),
    ],
    "mlp_backward": [
        (partial(wrong_mlp_backward, of="none"), "missing slope"),
        (partial(wrong_mlp_backward, of="input"), "input instead of output"),
        (partial(wrong_mlp_backward, of="sigmoid"), "another function"),
        (partial(wrong_mlp_backward, of="sign"), "sign"),
        (partial(wrong_mlp_backward, of="transposed"), "transposed"),
        (partial(wrong_mlp_backward, of="mean"), "constant factor"),
        (partial(wrong_mlp_backward, of="before tanh"), "missing activation"),
        (lambda *given: mlp_backward(*given)[::-1], "swapped"),
    ],
    "adam_step": [
        (lambda w, g, m, v, t, lr, *rest: adam(w, g, m, v, t, 1.0, *rest), "missing learning rate"),
        (
            lambda w, g, m, v, t, lr, b1, b2, eps: (
                w - lr * (b1 * m + (1 - b1) * g) / (1 - b1**t) / ((b2 * v + (1 - b2) * g * g).sqrt() + eps),
                *adam(w, g, m, v, t, lr, b1, b2, eps)[1:],
            ),
            "missing bias correction",
        ),
        (partial(wrong_adam, of="no correction"), "missing bias correction"),
        (partial(wrong_adam, of="old"), "old means"),
        (partial(wrong_adam, of="step - 1"), "step off by one"),
        (partial(wrong_adam, of="step + 1"), "step off by one"),
        (partial(wrong_adam, of="inside"), "epsilon inside the root"),
        (partial(wrong_adam, of="no root"), "missing root"),
        (lambda w, g, m, v, *rest: (adam(w, g, m, v, *rest)[0], m, v), "not updated"),
        (lambda *given: (2 * given[0] - adam(*given)[0], *adam(*given)[1:]), "sign"),
        (lambda w, g, m, v, s, lr, b1, b2, eps: adam(w, g, m, v, s, lr, b2, b1, eps), "betas exchanged"),
    ],
    "adamw_step": [
        (lambda *given: adamw(*given[:8], 0.0, given[9]), "nearly right"),
        (lambda *given: wrong_adam(*given[:-1], of="coupled decay", decay=given[-1]), "coupled decay"),
        (lambda *given: wrong_adam(*given[:-1]), "missing decay"),
        (lambda *given: wrong_adam(*given[:-1], of="decay without lr", decay=given[-1]), "missing learning rate"),
        (lambda *given: wrong_adam(*given[:-1], of="grows", decay=given[-1]), "decay sign"),
        (lambda *given: wrong_adam(*given[:-1], of="decay after", decay=given[-1]), "decay after the step"),
        (
            lambda *given: wrong_adam(given[0] * (1 - given[5] * given[-1]), *given[1:-1], of="no correction"),
            "missing bias correction",
        ),
    ],
    "softmax_backward": [
        (lambda g, z: z * g - z * (z * g).sum(1, keepdim=True), "logits instead of probabilities"),
        (lambda g, z: g * torch.softmax(z, 1) * (1 - torch.softmax(z, 1)), "diagonal only"),
        (lambda g, z: g * torch.softmax(z, 1), "missing path"),
        (lambda g, z: g - (g * torch.softmax(z, 1)).sum(1, keepdim=True), "missing factor"),
        (lambda g, z: (p := torch.softmax(z, 1)) * (g - (g * p).sum(0)), "wrong axis"),
        (lambda g, z: torch.softmax(z, 1) * (g - g.sum(1, keepdim=True)), "missing weights"),
        (lambda g, z: (p := torch.softmax(z, 1)) * (g + (g * p).sum(1, keepdim=True)), "wrong sign in a path"),
        (lambda g, z: (p := torch.softmax(z, 1)) * (g - (g * p).mean(1, keepdim=True)), "wrong factor in a path"),
        (lambda g, z: (p := torch.softmax(z, 1)) * ((g * p).sum(1, keepdim=True) - g), "sign"),
        (lambda g, z: (p := z.exp() / z.exp().sum(1, keepdim=True)) * (g - (g * p).sum(1, keepdim=True)), "not finite"),
    ],
    "rms_norm_backward": [
        (partial(wrong_rms_norm_backward, of="constant"), "missing path"),
        (partial(wrong_rms_norm_backward, of="sum"), "wrong factor in a path"),
        (partial(wrong_rms_norm_backward, of="plus"), "wrong sign in a path"),
        (partial(wrong_rms_norm_backward, of="half"), "wrong factor in a path"),
        (partial(wrong_rms_norm_backward, of="no weight"), "missing weight"),
        (partial(wrong_rms_norm_backward, of="not normalized"), "not normalized"),
        (partial(wrong_rms_norm_backward, of="axis"), "wrong shape"),
    ],
    "layer_norm_backward": [
        (lambda g, x, w, eps: layer_norm_backward(g, x, w, 0.0), "another number"),
        (
            lambda g, x, w, eps: (
                g * w / (x.var(1, correction=0, keepdim=True) + eps).sqrt(),
                *layer_norm_backward(g, x, w, eps)[1:],
            ),
            "missing path",
        ),
        (partial(wrong_layer_norm_backward, of="no mean"), "missing path"),
        (partial(wrong_layer_norm_backward, of="no var"), "missing path"),
        (partial(wrong_layer_norm_backward, of="weight outside"), "weight outside of the sums"),
        (partial(wrong_layer_norm_backward, of="plus"), "wrong sign in a path"),
        (partial(wrong_layer_norm_backward, of="twice"), "wrong factor in a path"),
        (partial(wrong_layer_norm_backward, of="unbiased"), "unbiased variance"),
        (partial(wrong_layer_norm_backward, of="batch"), "wrong axis"),
        (partial(wrong_layer_norm_backward, of="not normalized"), "not normalized"),
        (partial(wrong_layer_norm_backward, of="axis"), "wrong axis"),
    ],
    "batch_norm_backward": [
        (
            lambda g, x, w, eps: (g * w / (x.var(0, correction=0) + eps), *batch_norm_backward(g, x, w, eps)[1:]),
            "wrong paths",
        ),
        (partial(wrong_batch_norm_backward, of="constants"), "missing path"),
        (partial(wrong_batch_norm_backward, of="no mean"), "missing path"),
        (partial(wrong_batch_norm_backward, of="sum and plus"), "wrong paths"),
        (partial(wrong_batch_norm_backward, of="not scaled"), "not scaled"),
        (lambda g, x, w, eps: (..., g * (x - x.mean(0)) / (x.var(0, correction=0) + eps).sqrt(), ...), "missing sum"),
        (partial(wrong_batch_norm_backward, of="no var"), "missing path"),
        (partial(wrong_batch_norm_backward, of="sum"), "wrong factor in a path"),
        (partial(wrong_batch_norm_backward, of="plus"), "wrong sign in a path"),
        (partial(wrong_batch_norm_backward, of="no weight"), "wrong factor"),
        (partial(wrong_batch_norm_backward, of="no scale"), "wrong factor"),
        (partial(wrong_batch_norm_backward, of="unbiased"), "unbiased variance"),
        (partial(wrong_batch_norm_backward, of="not normalized"), "not normalized"),
        (partial(wrong_batch_norm_backward, of="bias"), "constant factor"),
    ],
    "attention_backward": [
        (lambda g, q, k, v: [-1 * attention_backward(g, q, k, v)[0], *attention_backward(g, q, k, v)[1:]], "sign"),
        (partial(wrong_attention_backward, of="no softmax"), "missing softmax derivative"),
        (partial(wrong_attention_backward, of="no sum"), "missing term"),
        (partial(wrong_attention_backward, of="diagonal"), "diagonal only"),
        (partial(wrong_attention_backward, of="no scale"), "constant factor"),
        (partial(wrong_attention_backward, of="scaled twice"), "constant factor"),
        (partial(wrong_attention_backward, of="transposed"), "transposed"),
        (partial(wrong_attention_backward, of="scores"), "missing softmax"),
        (partial(wrong_attention_backward, of="axis"), "wrong axis"),
        (partial(wrong_attention_backward, of="other axis"), "wrong axis"),
    ],
}
