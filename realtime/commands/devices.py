"""``earmark devices``: the input devices, with their rates."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark devices``."""
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """List the devices; 1 where there is none."""
    import dataclasses

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from earmark.models.errors import AudioError
    from earmark.models.shown import shown
    from earmark.realtime.audio.devices import list_devices

    devices = list_devices()
    if args.json:
        print(json.dumps([dataclasses.asdict(device) for device in devices], indent=2))
        return 0
    if not devices:
        raise AudioError(
            "no input device found: plug a microphone in, or see `earmark doctor` for what is "
            "missing"
        )
    table = Table(box=None)
    for heading in ("", "index", "name", "system", "channels", "rate"):
        table.add_column(
            heading, justify="right" if heading in ("index", "channels", "rate") else "left"
        )
    for device in devices:
        table.add_row(
            "*" if device.is_default else "",
            str(device.index),
            Text(shown(device.name)),
            Text(shown(device.host_api)),
            str(device.max_input_channels),
            f"{device.default_sample_rate:.0f} Hz",
        )
    Console(highlight=False).print(table)
    print("* is the default; `earmark live --input NAME` takes another")
    return 0
