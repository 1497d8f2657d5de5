"""`auricle track`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
def track(runs: tuple[Path, ...]) -> None:
    """Tell MLflow of runs whose folders are there: what 'auricle train' does while it trains, afterwards.

    For runs of a machine that had no MLflow, or could not reach its server. What is known already is not told twice.
    MLFLOW_TRACKING_URI names a server; without it, mlflow.db beside the runs is written, and nothing has to be started.
    MLFLOW_EXPERIMENT_NAME names the experiment; AURICLE_MLFLOW_ARTIFACTS=s3://BUCKET/PREFIX keeps a new one's
    files in a bucket.

    \b
    Example:
      auricle track runs/first runs/second
      MLFLOW_TRACKING_URI=http://tracking:5000 auricle track runs/first
    """
    from auricle_shared.errors import AuricleError, DataError

    from ..tracking import read_metrics
    from .follower import Follower
    from .place import answering, place_of

    for folder in runs:
        if not (folder / "run.json").is_file() or not (folder / "config.json").is_file():
            raise DataError(
                f"{folder} is no run: it has no run.json. Wanted: a folder that 'auricle train --run' made."
            )
    for folder in runs:
        follower = Follower(place_of(folder))
        with answering(follower.place):
            follower.begin(folder)
        for line in read_metrics(folder):
            follower.log(line["step"], {key: value for key, value in line.items() if key != "step"})
        follower.end(folder, finished=True)
        if follower.failure:
            raise AuricleError(f"{folder} was not told whole: {follower.failure}")
        click.echo(f"{folder}: told to {follower.place.uri}")
