"""Normalizations, losses, pooling, convolutions and other layers."""

import torch
from torch.nn import functional

from .case import Case, between, case, constant, integers, positive, real, signs, unit

N, C = 5, 4
IMAGES = (2, 4, 6, 5)

_NORMALIZATIONS = [
    case(functional.batch_norm, real(*IMAGES), None, None, positive(4), real(4), training=True),
    case(functional.batch_norm, real(N, C), constant(real(C)), constant(positive(C)), name="batch_norm eval"),
    case(functional.group_norm, real(*IMAGES), 2, positive(4), real(4)),
    case(functional.instance_norm, real(*IMAGES)),
    case(functional.layer_norm, real(N, C), (C,), positive(C), real(C)),
    case(functional.local_response_norm, real(*IMAGES), 3),
    case(functional.normalize, real(N, C)),
    case(functional.normalize, real(N, C), p=1.0, dim=0, name="normalize p=1"),
    case(functional.rms_norm, real(N, C), (C,), positive(C)),
]

_LOSSES = [
    *(case(f, real(N, C), real(N, C)) for f in (functional.mse_loss, functional.l1_loss, functional.smooth_l1_loss)),
    case(functional.huber_loss, real(N, C), real(N, C), delta=0.7, reduction="sum"),
    case(functional.mse_loss, real(N, C), real(N, C), reduction="none", name="mse_loss none"),
    case(functional.cross_entropy, real(N, C), integers(C, N)),
    case(functional.cross_entropy, real(N, C), integers(C, N), constant(positive(C)), name="cross_entropy weight"),
    case(functional.cross_entropy, real(N, C), integers(C, N), label_smoothing=0.1, name="cross_entropy smoothing"),
    case(functional.cross_entropy, real(N, C), integers(C, N), ignore_index=0, name="cross_entropy ignore_index"),
    case(lambda x, y: functional.cross_entropy(x, y.softmax(1)), real(N, C), real(N, C), name="cross_entropy soft"),
    case(functional.nll_loss, real(N, C), integers(C, N)),
    case(functional.kl_div, real(N, C), positive(N, C), reduction="batchmean"),
    case(functional.kl_div, real(N, C), real(N, C), log_target=True, reduction="sum", name="kl_div log_target"),
    case(functional.binary_cross_entropy, between(0.1, 0.9, N, C), between(0.1, 0.9, N, C)),
    case(functional.binary_cross_entropy_with_logits, real(N, C), between(0, 1, N, C)),
    case(
        lambda x, y, weight: functional.binary_cross_entropy_with_logits(x, y, pos_weight=weight),
        *(real(N, C), between(0, 1, N, C), constant(positive(C))),
        name="binary_cross_entropy_with_logits pos_weight",
    ),
    case(functional.poisson_nll_loss, real(N, C), positive(N, C)),
    case(functional.gaussian_nll_loss, real(N, C), real(N, C), positive(N, C)),
    case(functional.cosine_embedding_loss, real(N, C), real(N, C), constant(signs(N))),
    case(functional.margin_ranking_loss, real(N), real(N), signs(N), margin=0.5),
    case(functional.hinge_embedding_loss, real(N, C), constant(signs(N, C))),
    case(functional.soft_margin_loss, real(N, C), constant(signs(N, C))),
    case(functional.triplet_margin_loss, real(N, C), real(N, C), real(N, C)),
    case(functional.multi_margin_loss, real(N, C), integers(C, N)),
    case(functional.multilabel_margin_loss, real(N, C), lambda generator: torch.tensor([[1, 3, -1, 0]] * N)),
    case(functional.multilabel_soft_margin_loss, real(N, C), between(0, 1, N, C)),
    case(
        lambda x, targets: functional.ctc_loss(x.log_softmax(2), targets, (8, 8), (3, 3)),
        *(real(8, 2, 5), lambda generator: torch.randint(1, 5, (2, 3), generator=generator)),
        name="ctc_loss",
    ),
]

_POOLING = [
    case(functional.avg_pool1d, real(2, 3, 9), 3, stride=2, padding=1),
    case(functional.avg_pool2d, real(*IMAGES), 2),
    case(functional.avg_pool3d, real(1, 2, 4, 4, 4), 2),
    case(functional.max_pool1d, real(2, 3, 9), 3, stride=2),
    case(functional.max_pool2d, real(*IMAGES), 3, stride=1, padding=1),
    case(functional.max_pool2d, real(*IMAGES), 2, return_indices=True, name="max_pool2d indices"),
    case(functional.max_pool3d, real(1, 2, 4, 4, 4), 2),
    case(functional.adaptive_avg_pool1d, real(2, 3, 8), 3),
    case(functional.adaptive_avg_pool2d, real(*IMAGES), (3, 2)),
    case(functional.adaptive_max_pool2d, real(*IMAGES), (3, 2)),
    case(functional.lp_pool2d, positive(*IMAGES), 2.0, 2),
    case(functional.fractional_max_pool2d, real(*IMAGES), 2, output_size=(3, 2)),
]

_CONVOLUTIONS = [
    case(functional.conv1d, real(2, 3, 8), real(4, 3, 3), real(4)),
    case(functional.conv2d, real(*IMAGES), real(3, 4, 3, 3), real(3)),
    case(functional.conv2d, real(*IMAGES), real(6, 2, 3, 3), stride=2, padding=1, groups=2, name="conv2d groups"),
    case(functional.conv2d, real(*IMAGES), real(3, 4, 2, 2), dilation=2, name="conv2d dilation"),
    case(functional.conv3d, real(1, 2, 4, 4, 4), real(3, 2, 2, 2, 2)),
    case(functional.conv_transpose1d, real(2, 3, 6), real(3, 4, 3), stride=2),
    case(functional.conv_transpose2d, real(*IMAGES), real(4, 3, 3, 3), real(3), padding=1),
    case(functional.unfold, real(*IMAGES), 2),
    case(functional.fold, real(2, 16, 20), (6, 5), 2),
]

_OTHERS = [
    case(functional.embedding, integers(6, 7), real(6, 3)),
    case(functional.embedding_bag, integers(6, 4, 3), real(6, 3), mode="sum"),
    case(functional.interpolate, real(*IMAGES), scale_factor=2, name="interpolate nearest"),
    case(functional.interpolate, real(*IMAGES), size=(9, 7), mode="bilinear", name="interpolate bilinear"),
    case(functional.interpolate, real(*IMAGES), size=(4, 8), mode="bicubic", name="interpolate bicubic"),
    case(functional.grid_sample, real(*IMAGES), unit(2, 3, 3, 2), align_corners=False),
    case(functional.affine_grid, real(2, 2, 3), (2, 1, 3, 4), align_corners=False),
    case(functional.channel_shuffle, real(*IMAGES), 2),
    case(functional.dropout2d, real(*IMAGES), p=0.3),
    case(torch.gru_cell, real(3, 4), real(3, 2), real(6, 4), real(6, 2), real(6), real(6)),
    case(torch.lstm_cell, real(3, 4), (real(3, 2), real(3, 2)), real(8, 4), real(8, 2), real(8), real(8)),
    case(torch.rnn_tanh_cell, real(3, 4), real(3, 2), real(2, 4), real(2, 2), real(2), real(2)),
]

CASES: list[Case] = [*_NORMALIZATIONS, *_LOSSES, *_POOLING, *_CONVOLUTIONS, *_OTHERS]
