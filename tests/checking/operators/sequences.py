"""Recurrences, scans, dynamic programs over time, and operators that sort."""

import torch
from torch.autograd import Function

from .catalog import define, normal, positive, slip


class LstmCell(Function):
    @staticmethod
    def forward(ctx, x, h, c, weight):
        i, f, o, a = (torch.cat([x, h], 1) @ weight.T).chunk(4, 1)
        i, f, o, a = i.sigmoid(), f.sigmoid(), o.sigmoid(), a.tanh()
        new_c = f * c + i * a
        ctx.save_for_backward(x, h, c, weight, i, f, o, a, new_c)
        return o * new_c.tanh(), new_c

    @staticmethod
    def backward(ctx, grad_h, grad_c):
        x, h, c, weight, i, f, o, a, new_c = ctx.saved_tensors
        t = new_c.tanh()
        grad_c = grad_c + grad_h * o * (1 - t * t)
        grad_i, grad_f, grad_o = grad_c * a * i * (1 - i), grad_c * c * f * (1 - f), grad_h * t * o * (1 - o)
        gates = torch.cat([grad_i, grad_f, grad_o, grad_c * i * (1 - a * a)], 1)
        grad_x, grad_last = (gates @ weight).split([x.shape[1], h.shape[1]], 1)
        return grad_x, grad_last, grad_c * f, gates.T @ torch.cat([x, h], 1)


define(
    "LSTM cell",
    LstmCell,
    lambda: (normal(3, 2), normal(3, 4), normal(3, 4), normal(16, 6)),
    slip(
        "two gates exchanged",
        "[grad_i, grad_f, grad_o,",
        "[grad_f, grad_i, grad_o,",
        "x h weight",
        "gate|exchang|swap|block|rows 0|slices",
    ),
    slip(
        "the path from the output to the cell is missing",
        " + grad_h * o * (1 - t * t)",
        "",
        "x h c weight",
        "path",
        "output 0|grad_h",
    ),
    slip(
        "the upstream gradients are exchanged",
        "def backward(ctx, grad_h, grad_c)",
        "def backward(ctx, grad_c, grad_h)",
        "x h c weight",
        "upstream|outputs 0 and 1|exchang",
    ),
)


def gru(x, h, weight, recurrent):
    xr, xz, xn = (x @ weight.T).chunk(3, 1)
    hr, hz, hn = (h @ recurrent.T).chunk(3, 1)
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    return z * h + (1 - z) * n


def gru_backward(grad, x, h, weight, recurrent):
    xr, xz, xn = (x @ weight.T).chunk(3, 1)
    hr, hz, hn = (h @ recurrent.T).chunk(3, 1)
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    grad_n = grad * (1 - z) * (1 - n * n)
    grad_z, grad_r = grad * (h - n) * z * (1 - z), grad_n * hn * r * (1 - r)
    from_x, from_h = torch.cat([grad_r, grad_z, grad_n], 1), torch.cat([grad_r, grad_z, grad_n * r], 1)
    return from_x @ weight, grad * z + from_h @ recurrent, from_x.T @ x, from_h.T @ h


define(
    "GRU cell",
    (gru, gru_backward),
    lambda: (normal(3, 2), normal(3, 4), normal(12, 2), normal(12, 4)),
    slip(
        "the reset gate is forgotten",
        "grad_n * r]",
        "grad_n]",
        "h recurrent",
        "rows? 8|8 to 11|last third|slices|path|gate",
    ),
    slip("the direct path of h is missing", "grad * z + from_h", "from_h", "h", "path"),
)


class Rnn(Function):
    @staticmethod
    def forward(ctx, x, weight):
        h, states = torch.zeros_like(x[0]), []
        for step in x:
            h = torch.tanh(step + h @ weight)
            states.append(h)
        ctx.save_for_backward(weight, *states)
        return torch.stack(states)

    @staticmethod
    def backward(ctx, grad):
        weight, *states = ctx.saved_tensors
        grad_x, grad_weight, carried = torch.zeros_like(grad), torch.zeros_like(weight), 0
        for t in reversed(range(len(states))):
            grad_x[t] = (grad[t] + carried) * (1 - states[t] ** 2)
            carried = grad_x[t] @ weight.T
            if t > 0:
                grad_weight += states[t - 1].T @ grad_x[t]
        return grad_x, grad_weight


define(
    "recurrent network through time",
    Rnn,
    lambda: (normal(4, 3, 2), 0.5 * normal(2, 2)),
    slip(
        "the state carries no gradient",
        "carried = grad_x[t] @ weight.T",
        "carried = 0",
        "x weight",
        "path|carried|all but index 3|indices 0",
    ),
    slip(
        "the last step is dropped",
        "reversed(range(len(states)))",
        "reversed(range(len(states) - 1))",
        "x weight",
        r"index 3|last|path|\(3, ",
    ),
    slip("the recurrent weight is not transposed", "@ weight.T", "@ weight", "x weight", "transpos"),
)


def scan(decay, x):
    h, states = torch.zeros_like(x[0]), []
    for t in range(len(x)):
        h = decay[t] * h + x[t]
        states.append(h)
    return torch.stack(states)


def scan_backward(grad, decay, x):
    h = scan(decay, x)
    following = torch.cat([decay[1:], torch.zeros_like(decay[:1])])
    grad_x = scan(following.flip(0), grad.flip(0)).flip(0)
    previous = torch.cat([torch.zeros_like(h[:1]), h[:-1]])
    return grad_x * previous, grad_x


define(
    "linear scan",
    (scan, scan_backward),
    lambda: (positive(6, 3), normal(6, 3)),
    slip(
        "the decay is off by one step",
        "following = torch.cat([decay[1:], torch.zeros_like(decay[:1])])",
        "following = decay",
        "decay x",
        "shift|off by one|decay",
    ),
    slip("the state is off by one step", "grad_x * previous", "grad_x * h", "decay", "shift|off by one|state|output"),
)


class CumSum(Function):
    @staticmethod
    def forward(ctx, x):
        return x.cumsum(1)

    @staticmethod
    def backward(ctx, grad):
        return grad.flip(1).cumsum(1).flip(1)


define(
    "cumsum",
    CumSum,
    lambda: (normal(3, 5),),
    slip(
        "summed from the front", "grad.flip(1).cumsum(1).flip(1)", "grad.cumsum(1)", "x", "revers|flip|cumsum|direction"
    ),
    slip(
        "the element itself is left out",
        "cumsum(1).flip(1)",
        "cumsum(1).flip(1) - grad",
        "x",
        "path|shift|grad_output|off by one",
    ),
)


def cumprod(x):
    return x.cumprod(0)


def cumprod_backward(grad, x):
    return (grad * x.cumprod(0)).flip(0).cumsum(0).flip(0) / x


define(
    "cumprod",
    (cumprod, cumprod_backward),
    lambda: (normal(5, 2),),
    slip("not divided by x", ".flip(0) / x", ".flip(0)", "x", "(divided by|factor|times|without) x"),
    slip("summed from the front", ".flip(0).cumsum(0).flip(0)", ".cumsum(0)", "x", "revers|flip|cumsum|direction"),
)
