"""Logs trainings for TensorBoard: event files in the run folder."""

from typing import TYPE_CHECKING

import cv2
import yaml

from posekit.engine.loggers.shared import LoggedTrainer, figures, last_epoch, last_values, plain_name, plain_settings
from posekit.errors import MissingExtraError
from posekit.io.decode import read_image

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorboardLogger:
    """Writes event files: settings as text, values per epoch, and the figures at the end.

    ``tensorboard --logdir runs`` shows them. Epochs that a resumed training repeats replace those of the earlier file.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    service = "TensorBoard"

    def __init__(self) -> None:
        try:
            import torch.utils.tensorboard  # noqa: F401 - told now, not when the training has begun
        except ImportError as error:
            raise MissingExtraError("TensorBoard logging", "tensorboard", "tensorboard") from error
        self._writer: SummaryWriter | None = None

    def start(self, trainer: LoggedTrainer) -> None:
        """Open an event file in the run folder, and write the settings."""
        from torch.utils.tensorboard import SummaryWriter

        first = last_epoch(trainer) + 1
        self._writer = SummaryWriter(str(trainer.save_dir), purge_step=first)
        text = yaml.safe_dump(plain_settings(trainer), sort_keys=False)
        self._writer.add_text("settings", "".join(f"    {line}\n" for line in text.splitlines()), first)

    def log_epoch(self, trainer: LoggedTrainer) -> None:
        """Write the values of the epoch; they are on disk when this returns."""
        if self._writer is None:
            return
        for column, value in last_values(trainer).items():
            self._writer.add_scalar(plain_name(column), value, last_epoch(trainer))
        self._writer.flush()

    def finish(self, trainer: LoggedTrainer) -> None:
        """Write the figures of the run, and close the file."""
        if self._writer is None:
            return
        for path in figures(trainer):
            picture = cv2.cvtColor(read_image(path), cv2.COLOR_BGR2RGB)
            self._writer.add_image(f"figures/{plain_name(path.stem)}", picture, last_epoch(trainer), dataformats="HWC")
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
