"""The bar that is shown while a file is fetched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(label: str, total: int | None, start: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error and give the function that moves it on by a number of bytes.

    Args:
        label: what stands before the bar.
        total: length of the whole file in bytes; None shows a bar without end.
        start: bytes that are there already.
        shown: False draws nothing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        task = progress.add_task(label, total=total, completed=start)
        yield lambda count: progress.advance(task, count)
