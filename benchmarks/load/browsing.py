"""A person who looks at the page: grids with their pictures, one page after the other."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.load.traffic import Calls, Server, timed

CONNECTIONS = 6
"""That a browser opens to one host."""
PICTURE = re.compile(rb'src="(/page/[^"]*/thumbnail/\d+)"')
AGAIN_SECONDS = 0.5  # after a picture was refused because others wait
PHOTOGRAPHS = 200
SIDES = 1280, 960


def make_photographs(folder: Path, names: list[str]) -> None:
    """Files with these names: some photographs' worth of pixels, under as many names as it takes."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    width, height = SIDES
    for number, name in enumerate(names):
        if number < PHOTOGRAPHS:
            colours = random.integers(0, 256, size=(12, 16, 3), dtype=np.uint8)
            smooth = Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)
            noise = random.normal(0, 12, size=(height, width, 1))
            pixels = np.clip(np.asarray(smooth, dtype=np.float32) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name, quality=85)
        else:
            os.link(folder / names[number % PHOTOGRAPHS], folder / name)


class Scroller:
    """Looks at pages of the grid from the first on, with all their pictures, without a rest."""

    def __init__(self, server: Server, grid: str) -> None:
        self._server, self._grid = server, grid
        self.pages, self.pictures = Calls(), Calls()
        self.refused = 0
        """How often a picture was not there yet because others waited, and was asked for again."""

    async def scroll(self, pages: int, until: asyncio.Event) -> None:
        """Look at so many pages, and at them again, until the event."""
        number = 0
        while not until.is_set():
            await self._look(number % pages + 1)
            number += 1

    async def _look(self, page: int) -> None:
        text = b""

        async def grid() -> None:
            nonlocal text
            text = await self._server.get(f"{self._grid}&page={page}")

        if not await timed(self.pages, grid):
            return
        connections = asyncio.Semaphore(CONNECTIONS)

        async def picture(path: str) -> None:
            async with connections:
                await timed(self.pictures, lambda: self._picture(path))

        await asyncio.gather(*(picture(path.decode()) for path in PICTURE.findall(text)))

    async def _picture(self, path: str) -> None:
        while True:
            try:
                await self._server.get(path)
                return
            except ConnectionError as error:
                if " 503 " not in str(error):
                    raise
                self.refused += 1
                await asyncio.sleep(AGAIN_SECONDS)
