"""Sums over all paths: dynamic programs over time."""

import torch

from .catalog import define, ints, normal, slip


def crf(emissions, transitions):
    alpha = emissions[0]
    for emission in emissions[1:]:
        alpha = torch.logsumexp(alpha[:, None] + transitions, 0) + emission
    return torch.logsumexp(alpha, 0)


def crf_backward(grad, emissions, transitions):
    alphas = [emissions[0]]
    for emission in emissions[1:]:
        alphas.append(torch.logsumexp(alphas[-1][:, None] + transitions, 0) + emission)
    log_z, beta = torch.logsumexp(alphas[-1], 0), torch.zeros_like(emissions[0])
    grad_emissions, grad_transitions = torch.zeros_like(emissions), torch.zeros_like(transitions)
    for t in reversed(range(len(emissions))):
        grad_emissions[t] = (alphas[t] + beta - log_z).exp()
        if t > 0:
            pairs = alphas[t - 1][:, None] + transitions + (emissions[t] + beta)
            grad_transitions += (pairs - log_z).exp()
            beta = torch.logsumexp(transitions + (emissions[t] + beta), 1)
    return grad * grad_emissions, grad * grad_transitions


define(
    "log-partition of a CRF",
    (crf, crf_backward),
    lambda: (normal(4, 3), normal(3, 3)),
    slip("pairs are transposed", "+= (pairs - log_z).exp()", "+= (pairs - log_z).exp().T", "transitions", "transpos"),
    slip(
        "only the last pair counts",
        "grad_transitions += (",
        "grad_transitions = (",
        "transitions",
        "path|step|overwrit|added",
    ),
    slip(
        "the first step is dropped",
        "reversed(range(len(emissions)))",
        "reversed(range(1, len(emissions)))",
        "emissions",
        "index 0|first|row 0",
    ),
)


def ctc(log_probs, labels):
    """Sum over all alignments in which each label lasts for at least one step (no blanks)."""
    alpha = torch.full((len(labels),), -torch.inf, dtype=log_probs.dtype)
    alpha = torch.cat([log_probs[0, labels[:1]], alpha[1:]])
    for step in log_probs[1:]:
        advanced = torch.cat([alpha.new_full((1,), -torch.inf), alpha[:-1]])
        alpha = torch.logaddexp(alpha, advanced) + step[labels]
    return -alpha[-1]


def ctc_backward(grad, log_probs, labels):
    def forward_scores(steps, labels):
        alpha = torch.full((len(steps), len(labels)), -torch.inf, dtype=steps.dtype)
        alpha[0, 0] = steps[0, labels[0]]
        for t in range(1, len(steps)):
            advanced = torch.cat([alpha.new_full((1,), -torch.inf), alpha[t - 1, :-1]])
            alpha[t] = torch.logaddexp(alpha[t - 1], advanced) + steps[t, labels]
        return alpha

    alpha, beta = forward_scores(log_probs, labels), forward_scores(log_probs.flip(0), labels.flip(0)).flip(0, 1)
    posterior = (alpha + beta - log_probs[:, labels] - alpha[-1, -1]).exp()
    return -grad * torch.zeros_like(log_probs).index_add_(1, labels, posterior), None


define(
    "forward algorithm as in CTC",
    (ctc, ctc_backward),
    lambda: (torch.log_softmax(normal(6, 4), 1), ints(2, 1, 2)),
    slip(
        "repeated labels are overwritten", ".index_add_(", ".index_copy_(", "log_probs", "columns? 2|index 2|repeated"
    ),
    slip(
        "the emission is counted twice",
        " - log_probs[:, labels] - alpha",
        " - alpha",
        "log_probs",
        "twice|log_probs|columns",
    ),
)
