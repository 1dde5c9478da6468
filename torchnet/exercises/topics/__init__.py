"""The exercises by topic. Each reads as: task, equations, arguments, truth, where to look, known mistakes."""
