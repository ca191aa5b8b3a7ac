"""Records what the chart renders with each set of values, for the check chart-options."""

import asyncio

from automation import settings
from automation.contract import profiles
from automation.kubernetes import commands
from automation.kubernetes.commands import Helm
from automation.kubernetes.target import chart, kubernetes
from automation.verify.gather.renderings import RECORDED, REFUSED, texts


async def main() -> None:
    """Replace the recorded renderings."""
    current = settings.load()
    found = await texts(
        Helm(commands.find("helm", current)), chart(current, kubernetes(profiles.load("cluster")))
    )
    for file in {*RECORDED.glob("*.yaml")} - {REFUSED}:
        file.unlink()
    for name, text in found.items():
        (RECORDED / f"{name}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
