"""Plots of SageMaker jobs by matplotlib: metrics over time, trials of a tuning job, what an XGBoost model learned."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, cycle
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asl_runner.sagemaker.explained import Explained, Predictions

Panel: TypeAlias = "Callable[[Axes], None]"
"""Draws one plot."""

BLUE, ORANGE, GREEN, GREY = "#2563eb", "#ea580c", "#16a34a", "#94a3b8"
MOST_FEATURES = 20
_FEWEST_BARS = 6
"""There is room for as many bars, so that few are not stretched."""
MOST_POINTS = 5000
"""Points of a cloud; of more rows evenly chosen ones are drawn."""

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "font.size": 9,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "asl-runner",
    "text.parse_math": False,
}


def picture(title: str, panels: Sequence[Panel], form: Literal["svg", "png"]) -> bytes:
    """The plots in two columns as one picture. Raises `UsageError` where matplotlib is lacking."""
    # What it says of its caches of fonts is nothing for those who want a plot.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("Plots need matplotlib: pip install 'asl-runner[plots]'.") from None
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6 * columns, 3.6 * rows + 0.5), layout="constrained")
        figure.suptitle(title, fontweight="bold")
        for place, panel in enumerate(panels, 1):
            panel(figure.add_subplot(rows, columns, place))
        written = io.BytesIO()
        figure.savefig(written, format=form, dpi=150, metadata={"Date": None} if form == "svg" else None)
    return written.getvalue()


def metric_panels(metrics: Mapping[str, Sequence[float]]) -> list[Panel]:
    """A plot for each measure, with a line for each channel that it is measured on."""
    measures: dict[str, dict[str, Sequence[float]]] = {}
    for name, values in metrics.items():
        channel, _, measure = name.rpartition(":")
        measures.setdefault(measure, {})[channel or measure] = values
    return [_lines(measure, lines) for measure, lines in measures.items()]


def tuning_panels(
    trials: Sequence[dict[str, Any]], goals: Mapping[str, str], logarithmic: Sequence[str]
) -> list[Panel]:
    """For each objective its value trial by trial with the best so far, and over each parameter that is tuned.

    `goals` has `Minimize` or `Maximize` by objective; the parameters in `logarithmic` have such an axis.
    """
    panels: list[Panel] = []
    for metric, goal in goals.items():
        known = [(number, one) for number, one in enumerate(trials, 1) if one["objective"] == metric]
        known = [(number, one) for number, one in known if one["value"] is not None]
        if not known:
            continue
        panels.append(_trials(metric, goal, known))
        for name in dict.fromkeys(name for _, one in known for name in one["parameters"]):
            having = [one for _, one in known if name in one["parameters"]]
            panels.append(_parameter(metric, name, having, logarithmic=name in logarithmic))
    return panels


def explained_panels(explained: Explained) -> list[Panel]:
    """The gains of the features, and the predictions beside what is true."""
    panels: list[Panel] = [_gains(explained.gains)] if explained.gains else []
    if explained.predictions is not None:
        panels += _predictions(explained.predictions)
    return panels


def _lines(measure: str, lines: Mapping[str, Sequence[float]]) -> Panel:
    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        for colour, (channel, values) in zip(cycle((BLUE, ORANGE, GREEN, GREY)), lines.items(), strict=False):
            marker = "o" if len(values) < 2 else ""
            axes.plot(range(len(values)), values, color=colour, marker=marker, label=channel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(title=measure, xlabel="values in the log, from 0")
        if len(lines) > 1:
            axes.legend()

    return draw


def _trials(metric: str, goal: str, known: Sequence[tuple[int, dict[str, Any]]]) -> Panel:
    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        better = min if goal == "Minimize" else max
        numbers, values = [number for number, _ in known], [float(one["value"]) for _, one in known]
        so_far = list(accumulate(values, better))
        axes.step(numbers, so_far, where="post", color=GREEN, label="best so far")
        axes.scatter(numbers, values, color=BLUE, s=22, zorder=3, label="trial")
        _star(axes, [(number, one) for number, one in known if one["best"]])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(title=f"{metric} by trial ({goal.lower()})", xlabel="trial")
        axes.legend()

    return draw


def _parameter(metric: str, name: str, having: Sequence[dict[str, Any]], *, logarithmic: bool) -> Panel:
    def draw(axes: Axes) -> None:
        from matplotlib.ticker import LogLocator, NullLocator

        texts = [one["parameters"][name] for one in having]
        places: list[Any] = list(texts) if _categories(texts) else [float(text) for text in texts]
        axes.scatter(places, [one["value"] for one in having], color=BLUE, s=22, zorder=3)
        _star(axes, [(place, one) for place, one in zip(places, having, strict=True) if one["best"]])
        if logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set(title=f"{metric} over {name}", xlabel=name)

    return draw


def _star(axes: Axes, best: Sequence[tuple[Any, dict[str, Any]]]) -> None:
    for place, one in best:
        axes.scatter([place], [one["value"]], color=ORANGE, marker="*", s=140, zorder=4, label="best")


def _gains(gains: Mapping[str, float]) -> Panel:
    def draw(axes: Axes) -> None:
        shown = list(gains.items())[:MOST_FEATURES][::-1]
        axes.barh([name for name, _ in shown], [gain for _, gain in shown], color=BLUE)
        of = f", {len(shown)} of {len(gains)}" if len(gains) > len(shown) else ""
        axes.set(title=f"Feature importance{of}", xlabel="average gain of a split")
        axes.set_ylim(len(shown) - max(len(shown), _FEWEST_BARS) - 0.6, len(shown) - 0.4)
        axes.grid(visible=False, axis="y")

    return draw


def _predictions(found: Predictions) -> list[Panel]:
    if found.kind == "classes":
        return [_confusion(found)]
    step = max(1, math.ceil(len(found.actual) / MOST_POINTS))
    actual, predicted = found.actual[::step], found.predicted[::step]
    size = 14 if len(actual) < 1000 else 5

    def against(axes: Axes) -> None:
        axes.scatter(actual, predicted, s=size, alpha=0.5, color=BLUE, linewidths=0)
        axes.axline((float(actual[0]), float(actual[0])), slope=1, color=GREY, linestyle="--")
        axes.set(title=f"Predicted against actual ({found.channel})", xlabel="actual", ylabel="predicted")

    def residuals(axes: Axes) -> None:
        axes.scatter(predicted, actual - predicted, s=size, alpha=0.5, color=BLUE, linewidths=0)
        axes.axhline(0, color=GREY, linestyle="--")
        axes.set(title=f"Residuals ({found.channel})", xlabel="predicted", ylabel="actual − predicted")

    return [against, residuals]


def _confusion(found: Predictions) -> Panel:
    import numpy as np

    classes = np.union1d(found.actual, found.predicted)
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (np.searchsorted(classes, found.actual), np.searchsorted(classes, found.predicted)), 1)

    def draw(axes: Axes) -> None:
        axes.imshow(counts, cmap="Blues", aspect="auto")
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if count > counts.max() / 2 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
        right = counts.trace() / counts.sum()
        axes.set_xticks(range(len(classes)), [str(one) for one in classes])
        axes.set_yticks(range(len(classes)), [str(one) for one in classes])
        axes.set(title=f"Confusion ({found.channel}), {right:.1%} right", xlabel="predicted", ylabel="actual")
        axes.grid(visible=False)

    return draw


def _categories(texts: Sequence[str]) -> bool:
    """Whether the values of a parameter are words rather than numbers."""
    try:
        return not all(math.isfinite(float(text)) for text in texts)
    except ValueError:
        return True
