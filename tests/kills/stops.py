"""S1: runs that a signal or an exception stops say so, end soon, and are resumed to the bit."""

from functools import partial

from .trial import Case, Trial, expect

EXIT_CODES = {"SIGTERM": 143, "SIGINT": 130, "SIGHUP": 129, "raise": 99}
SECONDS = 5  # from the signal to the end of the process
STOPPED_AT = (
    "between restoring and the first step",
    "before a forward",
    "between two layers of a backward",
    "half-way through an update",
    "between an update and its being counted",
    "in a validation",
    "at the end of an epoch",
    "within a loss line",
    "at 50 % of a checkpoint",
    "within the writing of the report",
)
RAISED_AT = ("before a forward", "between an update and its being counted", "in a validation", "at the end of an epoch")


def cases(sample: bool) -> list[Case]:
    """Return a case for each site with each signal, and some with an exception; the sample has four with a signal."""
    stops = [(site, action) for site in STOPPED_AT for action in ("SIGTERM", "SIGINT", "SIGHUP")]
    stops = stops[1::8] if sample else [*stops, *((site, "raise") for site in RAISED_AT)]
    return [Case("S1", f"{action} {site}", "plain", partial(_stop, site, action)) for site, action in stops]


def _stop(site: str, action: str, trial: Trial) -> None:
    ended = trial.run(site=site, call=(trial.golden.trace.count(site) + 1) // 2, action=action)
    error = ended.text("err")
    expect(ended.code == EXIT_CODES[action], f"expected exit code {EXIT_CODES[action]}, got {ended.code}: {error}")
    expect(ended.seconds < SECONDS, f"expected it to end within {SECONDS} s, it took {ended.seconds:.1f} s")
    expect(error.count("\n") == 1, f"expected one line on stderr, got {error!r}")
    trial.expect_recent_checkpoints()
    trial.finish()
