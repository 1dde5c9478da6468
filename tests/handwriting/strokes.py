"""The ten digits as random strokes, as if written by hand."""

import numpy as np
from scipy.interpolate import CubicSpline

# Ways to write each digit. A way is a list of strokes, a stroke a list of smooth pieces, and a piece a list of points
# (x to the right, y down) in a box of 1 x 1. A piece begins where the previous one ends.
Points = list[tuple[float, float]]
WAYS: dict[int, list[list[list[Points]]]] = {
    0: [
        [[[(0.55, 0.02), (0.2, 0.2), (0.1, 0.6), (0.4, 0.98), (0.8, 0.75), (0.85, 0.3), (0.52, 0.03)]]],
        [[[(0.6, 0.06), (0.25, 0.1), (0.12, 0.5), (0.3, 0.93), (0.65, 0.93), (0.88, 0.5), (0.68, 0.08), (0.5, 0.1)]]],
    ],
    1: [
        [[[(0.55, 0.0), (0.5, 0.5), (0.46, 1.0)]]],
        [[[(0.3, 0.25), (0.45, 0.14), (0.56, 0.0)], [(0.56, 0.0), (0.54, 0.5), (0.5, 1.0)]]],
    ],
    2: [
        [[[(0.15, 0.25), (0.4, 0.02), (0.78, 0.2), (0.6, 0.55), (0.12, 0.96)], [(0.12, 0.96), (0.5, 0.9), (0.9, 0.9)]]],
        [
            [
                [(0.18, 0.2), (0.5, 0.0), (0.8, 0.25), (0.55, 0.65), (0.2, 0.95), (0.12, 0.85), (0.3, 0.78)],
                [(0.3, 0.78), (0.6, 0.95), (0.92, 0.9)],
            ]
        ],
    ],
    3: [
        [
            [
                [(0.18, 0.1), (0.5, 0.0), (0.78, 0.2), (0.62, 0.42), (0.4, 0.47)],
                [(0.4, 0.47), (0.75, 0.55), (0.82, 0.8), (0.5, 1.0), (0.15, 0.88)],
            ]
        ],
        [
            [
                [(0.2, 0.05), (0.7, 0.05), (0.72, 0.25), (0.42, 0.45)],
                [(0.42, 0.45), (0.78, 0.55), (0.8, 0.85), (0.45, 1.0), (0.18, 0.9)],
            ]
        ],
    ],
    4: [
        [
            [[(0.25, 0.05), (0.2, 0.3), (0.18, 0.52)], [(0.18, 0.52), (0.5, 0.52), (0.82, 0.48)]],
            [[(0.75, 0.02), (0.72, 0.5), (0.68, 1.0)]],
        ],
        [
            [[(0.58, 0.02), (0.35, 0.35), (0.12, 0.65)], [(0.12, 0.65), (0.5, 0.65), (0.9, 0.63)]],
            [[(0.68, 0.3), (0.66, 0.65), (0.63, 1.0)]],
        ],
    ],
    5: [
        [
            [
                [(0.28, 0.05), (0.24, 0.25), (0.22, 0.43)],
                [(0.22, 0.43), (0.55, 0.4), (0.82, 0.65), (0.6, 0.95), (0.15, 0.93)],
            ],
            [[(0.28, 0.05), (0.55, 0.05), (0.85, 0.02)]],
        ],
        [
            [
                [(0.82, 0.03), (0.55, 0.05), (0.3, 0.06)],
                [(0.3, 0.06), (0.26, 0.25), (0.25, 0.45)],
                [(0.25, 0.45), (0.6, 0.42), (0.78, 0.7), (0.5, 0.98), (0.18, 0.9)],
            ]
        ],
    ],
    6: [
        [[[(0.68, 0), (0.35, 0.25), (0.18, 0.65), (0.4, 0.98), (0.75, 0.85), (0.65, 0.57), (0.38, 0.58), (0.2, 0.7)]]],
        [[[(0.6, 0.0), (0.3, 0.4), (0.2, 0.75), (0.45, 1.0), (0.78, 0.78), (0.55, 0.55), (0.25, 0.7)]]],
    ],
    7: [
        [[[(0.12, 0.08), (0.5, 0.05), (0.85, 0.04)], [(0.85, 0.04), (0.6, 0.5), (0.42, 1.0)]]],
        [
            [[(0.14, 0.06), (0.5, 0.06), (0.84, 0.03)], [(0.84, 0.03), (0.62, 0.45), (0.45, 1.0)]],
            [[(0.35, 0.5), (0.55, 0.49), (0.8, 0.48)]],
        ],
    ],
    8: [
        [
            [
                [
                    (0.7, 0.15), (0.5, 0.02), (0.27, 0.2), (0.5, 0.45), (0.75, 0.75), (0.5, 0.99), (0.24, 0.78),
                    (0.48, 0.47), (0.72, 0.25), (0.66, 0.1),
                ]
            ]
        ],
        [
            [[(0.5, 0.02), (0.26, 0.22), (0.5, 0.45), (0.74, 0.22), (0.52, 0.02)]],
            [[(0.5, 0.45), (0.2, 0.72), (0.5, 1.0), (0.8, 0.72), (0.52, 0.45)]],
        ],
    ],
    9: [
        [
            [
                [(0.75, 0.2), (0.5, 0.02), (0.22, 0.22), (0.4, 0.48), (0.72, 0.32), (0.78, 0.15)],
                [(0.78, 0.15), (0.72, 0.6), (0.66, 1.0)],
            ]
        ],
        [[[(0.72, 0.12), (0.4, 0.03), (0.24, 0.3), (0.5, 0.48), (0.74, 0.25), (0.74, 0.5), (0.66, 0.85), (0.4, 1.0)]]],
    ],
}  # fmt: skip


def written(digit: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the strokes of a digit, each (n, 2) points (x, y), in a box of 1 x 1 or slightly beyond it."""
    ways = WAYS[digit]
    strokes = [_smooth(pieces, rng) for pieces in ways[rng.integers(len(ways))]]
    angle, slant, width = np.radians(rng.uniform(-8, 8)), rng.uniform(-0.2, 0.2), rng.uniform(0.65, 0.95)
    lean = np.array([[width, -slant], [0, 1]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return [(stroke - 0.5) @ (turn @ lean).T + 0.5 for stroke in strokes]


def _smooth(pieces: list[Points], rng: np.random.Generator) -> np.ndarray:
    """Return a smooth curve through randomly shifted points, with some tremor."""
    drift = rng.normal(0, 0.012, 2)
    curves, end = [], None
    for piece in pieces:
        points = np.array(piece) + drift + rng.normal(0, 0.02, (len(piece), 2))
        if end is not None:
            points[0] = end
        end = points[-1]
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1) ** 0.5)])
        curves.append(CubicSpline(along, points)(np.linspace(0, along[-1], 60)))
    curve = np.concatenate(curves)
    tremor = rng.normal(0, 0.004, (len(curve) // 6 + 2, 2))
    at = np.linspace(0, len(tremor) - 1, len(curve))
    return curve + np.stack([np.interp(at, range(len(tremor)), tremor[:, axis]) for axis in (0, 1)], axis=1)
