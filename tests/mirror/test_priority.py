"""What can wait stands still while somebody finds."""

import asyncio
from threading import Event, Thread

from app.mirror.priority import Way

#: Nobody waits so long.
FOR_EVER = 600.0


def test_a_thread_goes_on_when_nobody_finds_any_more() -> None:
    way = Way(FOR_EVER)
    order: list[str] = []
    begun = Event()

    def write() -> None:
        begun.set()
        way.give()
        order.append("written")

    writer = Thread(target=write)
    with way.taken():
        with way.taken():
            writer.start()
            begun.wait()
        # It would be through by then.
        writer.join(0.1)
        order.append("found")
    writer.join()
    assert order == ["found", "written"]


def test_a_search_without_an_end_does_not_stop_a_thread_for_ever() -> None:
    way = Way(0.0)
    with way.taken():
        way.give()


def test_what_a_person_waits_for_gives_no_way() -> None:
    way = Way(FOR_EVER)
    with way.taken(), way.needed():
        way.give()


async def test_the_event_loop_gives_way_too() -> None:
    way = Way(FOR_EVER)
    await way.given()
    with way.taken():
        waiting = asyncio.create_task(way.given())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
    with (brief := Way(0.0)).taken():
        await brief.given()
