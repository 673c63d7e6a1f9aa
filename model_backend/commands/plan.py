"""`onetag plan`: what the next hour is best spent on, what to expect of it, and when to stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from annotator.commands.options import Json
from annotator.commands.values import chosen_project
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.labelstudio.connection import open_studio
from annotator.private import private_folder
from annotator.settings import Settings
from annotator.store import open_current
from annotator.store.rates import STEP, Rate, close
from model_backend.commands.console import print_json, stage_bar, standard

if TYPE_CHECKING:
    from model_backend.engine.planning import Plan
    from model_backend.planning import Forecast

Wanted = Annotated[
    str | None,
    typer.Argument(
        envvar="ONETAG_PROJECT",
        help="Key of the project, as `onetag status` shows it (p1), or its number in Label Studio.",
        show_default="the only one",
    ),
]


@with_settings(Panel.STORE, Panel.STUDIO, Panel.IMAGES, Panel.LEARNING)
def plan(settings: Settings, project: Wanted = None, *, json: Json = False) -> None:
    """Tell from a project's own record what to ask next, what mAP to expect, and when to stop.

    What mAP is reached is measured on images that were marked completely, which each refit has not seen: it
    holds for all images where these were drawn at random.
    """
    from model_backend.engine.planning import plan_project  # noqa: PLC0415 (torch is slow to import)
    from model_backend.engine.resources import open_resources  # noqa: PLC0415 (torch is slow to import)

    store = open_current(settings)
    console = standard(quiet=json)
    try:
        with private_folder(settings.data_dir), stage_bar(console, "Planning") as report:
            with store.reading() as session:
                project_id = chosen_project(session, project).id
            resources = open_resources(settings, open_studio(settings))
            found = plan_project(store, resources, project_id, report)
    finally:
        store.close()
    if json:
        print_json(as_row(found))
        return
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in lines(found):
        table.add_row(name, escape(value))
    console.print(table)


def as_row(found: Plan) -> dict[str, Any]:
    """Plain values: mAP and its changes in 0..1, each with a standard deviation; None while unknown."""
    return {
        "kinds": [_rate(rate) for rate in found.rates],
        "worth_of_complete": asdict(found.worth),
        "reviews": found.reviews,
        "reviews_lacking": found.lacking,
        "images_left": found.left,
        "hour": {"question": found.best.question, "answers": found.hour},
        "map": _forecast(found, found.forecast) if found.forecast else None,
    }


def _forecast(found: Plan, forecast: Forecast) -> dict[str, Any]:
    """What was measured, what is reached now, after the hour, and what a hundred answers more bring."""
    worth = found.best.worth
    return {
        "measured": _pair(forecast.measured, forecast.spread),
        "now": _pair(*forecast.reached()),
        "after_hour": _pair(*forecast.reached(worth * min(found.hour, found.believed))),
        "next_100": _pair(*forecast.gain(STEP * worth)),
        "believed_answers": found.believed,
        "pays_until": found.pays_until,
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "question": rate.question,
        "seconds": round(rate.cost.seconds, 3),
        "seconds_measured": rate.cost.measured,
        "worth": round(rate.worth, 3),
        "worth_spread": round(rate.spread, 3),
        "an_hour": round(rate.an_hour, 1),
    }


def _pair(value: float, spread: float) -> dict[str, float]:
    return {"value": round(value, 4), "spread": round(spread, 4)}


def lines(found: Plan) -> Iterator[tuple[str, str]]:
    """What is advised, what is to be expected, when to stop, and what all of it rests on."""
    yield "next hour", _advice(found)
    yield from _expected(found)
    for rate in found.rates:
        measured = "measured" if rate.cost.measured else "a prior"
        worth = f"{rate.worth:.1f}" + (f" ± {rate.spread:.1f}" if rate.spread else "")
        cost = f"{rate.cost.seconds:.1f} s ({measured}), worth {worth} tags: {rate.an_hour:.0f} tags an hour"
        yield f"  {rate.question}", cost
    yield "  a complete image", _worth(found)


def _advice(found: Plan) -> str:
    if found.lacking:
        minutes = found.lacking * found.completing.cost.seconds / 60
        first = (
            f"first mark all labels of {found.lacking} more images drawn at random, about {minutes:.0f} "
            "minutes: then this can tell the mAP. After that "
        )
    else:
        first = ""
    best, *others = found.rates
    same = [f"{each.question!s}" for each in others if close(best, each)]
    if not found.left:
        return f"{first}nothing: every image has been answered"
    told = f"{best.question!s}, {found.hour} answers"
    return f"{first}{told}" + (f"; it cannot be told apart from {' and '.join(same)}" if same else "")


def _expected(found: Plan) -> Iterator[tuple[str, str]]:
    if found.forecast is None:
        if not found.lacking:
            yield "mAP", "there are too few other answers for a learning curve yet"
        return
    forecast, best = found.forecast, found.best
    now, after = forecast.reached(), forecast.reached(best.worth * min(found.hour, found.believed))
    yield (
        "mAP",
        f"{_points(*now)} now, on {found.reviews} completely marked images that were held out",
    )
    answers = min(found.hour, found.believed)
    beyond = ", as far as the curve is believed" if found.believed < found.hour else ""
    yield "  expected", f"{_points(*after)} after {answers} more answers{beyond}"
    gain = forecast.gain(STEP * best.worth)
    yield "  next 100 answers", f"bring {_points(*gain)}"
    until = found.pays_until
    if until == 0:
        stop = "now: a hundred more answers bring less than 0.5 points"
    elif until is None:
        stop = f"not within the next {found.believed} answers, as far as the curve is believed"
    else:
        stop = f"after about {until} more answers, when a hundred bring less than 0.5 points"
    yield "  stop", stop


def _points(value: float, spread: float) -> str:
    return f"{100 * value:.1f} ± {100 * spread:.1f}"


def _worth(found: Plan) -> str:
    worth = found.worth
    if not worth.measured:
        return f"worth {worth.tags:.0f} ± {worth.spread:.0f} tags (a prior: 2 to 4 were measured elsewhere)"
    return f"worth {worth.tags:.1f} ± {worth.spread:.1f} tags (the record alone says {worth.alone:.1f})"
