"""Evaluate a project with the detector in a process of its own, to be killed: DIRECTORY PROJECT WEBHOOK.

The clock turns by the hour as fast as it can and says so on standard output; it goes on where the store is.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from collector.detection_rig import BACK, HOUR, LOOKED, detector, fill
from support import engines

from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate
from kansoku_collector.store.signals import last_states
from kansoku_collector.watch.channels import Webhook
from kansoku_collector.watch.run import Watch

UNTIL = BACK + timedelta(hours=4, minutes=10)


class Clock:
    """A clock that is turned by hand."""

    moment: datetime = LOOKED


def main(directory: str, project: str, webhook: str) -> None:
    """Fill the store the first time; then evaluate hour by hour, and say `hour` after each."""
    engines.interpret()
    url = f"chdb://{directory}/store"
    client = connect(url)
    migrate(client)
    if not (Path(directory) / "filled").exists():
        fill(client, project)
        (Path(directory) / "filled").touch()
    stored = last_states(client, project)
    if stored:
        Clock.moment = stored[0] + HOUR + timedelta(minutes=10)
    channel = Webhook.model_validate({"name": "hook", "url": webhook})
    watch = Watch(
        lambda: connect(url),
        [],
        3600,
        detector=detector(project, channels=(channel,)),
        now=lambda: Clock.moment,
    )
    watch._outbox.start()
    while Clock.moment <= UNTIL:
        print("hour", flush=True)
        watch.tick()
        Clock.moment += HOUR
    watch._outbox.stop(120)  # a busy machine may need more than the few seconds of a stop
    watch.stop()
    print("end", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
