"""What the tour shows: a progress bar for each job, a line for each check, and at last the table of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}


class Show:
    """The tour's screen; use it as a context manager. Where there is no terminal, the same as plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if console is None and not self.console.is_terminal:
            self.console.width = 110  # a log has no width of its own; 80 would break the table
        self.jobs: list[tuple[str, dict[str, Any], bool]] = []
        self.checks = 0
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TaskProgressColumn(),
            TextColumn("{task.fields[step]}", style="dim"),
            console=self.console,
            transient=True,
        )

    def __enter__(self) -> Show:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stop_at(self, title: str) -> None:
        """Begins a stop of the tour."""
        self.say(f"\n[bold]{escape(title)}[/bold]")

    def check(self, text: str) -> None:
        """Notes something that was checked and is right."""
        self.checks += 1
        self.say(f"  [green]✓[/green] {escape(text)}")

    def note(self, text: str) -> None:
        """Tells something that was not checked."""
        self.say(f"  [dim]{escape(text)}[/dim]")

    def say(self, markup: str) -> None:
        """Prints a line above the bars."""
        self._progress.console.print(markup)

    def begin(self, title: str) -> TaskID:
        """Opens the bar of a job."""
        return self._progress.add_task(escape(title), total=100, step="waiting")

    def see(self, bar: TaskID, job: dict[str, Any]) -> None:
        """Moves the bar of a job to where it is."""
        self._progress.update(bar, completed=job["progress"], step=current_step(job))

    def end(self, bar: TaskID, title: str, job: dict[str, Any], *, expected: bool) -> None:
        """Closes the bar and prints what came of the job; `expected`: whether it ended as it should."""
        self._progress.remove_task(bar)
        self.jobs.append((title, job, expected))
        colour = _COLOURS.get(job["status"], "white")
        done = sum(step["status"] == "succeeded" for step in job["steps"])
        self.say(
            f"  [{colour}]{job['status']:>9}[/{colour}] {escape(title)}"
            f" [dim]{done} of {len(job['steps'])} steps, {seconds(job)}[/dim]"
        )

    def table(self) -> Table:
        """The table of all jobs of the tour."""
        table = Table(title="Jobs of the tour", title_justify="left")
        for name in ("order", "kind", "status", "steps", "seconds"):
            # In a narrow terminal a long word goes on in the next line: nothing of it is cut off.
            table.add_column(
                name, justify="right" if name in ("steps", "seconds") else "left", overflow="fold"
            )
        for title, job, expected in self.jobs:
            colour = _COLOURS.get(job["status"], "white") if expected else "bold red"
            status = job["status"] + (f" ({job['error_code']})" if job["error_code"] else "")
            steps = f"{sum(step['status'] == 'succeeded' for step in job['steps'])}/{len(job['steps'])}"
            took = seconds(job).removesuffix(" s")
            table.add_row(escape(title), job["kind"], f"[{colour}]{escape(status)}[/{colour}]", steps, took)
        return table


def current_step(job: dict[str, Any]) -> str:
    """The name of the step at work, or the job's status."""
    running = [step["name"] for step in job["steps"] if step["status"] == "running"]
    return running[0] if running else str(job["status"])


def seconds(job: dict[str, Any]) -> str:
    """How long a job ran, e.g. `1.25 s`; a dash for one that never started."""
    if not job["started_at"] or not job["finished_at"]:
        return "-"
    began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return f"{(ended - began).total_seconds():.2f} s"
