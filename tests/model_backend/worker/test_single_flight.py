import threading

import pytest

from model_backend.worker.single_flight import SingleFlight


def test_one_at_a_time_and_work_that_came_meanwhile_is_done_once_more() -> None:
    single_flight = SingleFlight()
    entered, leave = threading.Event(), threading.Event()
    rounds: list[str] = []

    def work() -> None:
        rounds.append(threading.current_thread().name)
        entered.set()
        assert leave.wait(10)

    first = threading.Thread(target=single_flight.run, args=(work,), name="first")
    first.start()
    assert entered.wait(10)
    assert not single_flight.run(work), "the second comer leaves at once"
    assert not single_flight.run(work), "and so does the third"
    leave.set()
    first.join(10)
    assert rounds == ["first", "first"], "one more round serves both"


def test_an_error_leaves_the_turnstile_open() -> None:
    single_flight = SingleFlight()

    def fail() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        single_flight.run(fail)
    assert single_flight.run(lambda: None)


def test_nothing_that_was_asked_for_is_forgotten() -> None:
    single_flight, lock = SingleFlight(), threading.Lock()
    asked = done = 0

    def work() -> None:
        nonlocal done
        done = asked

    def ask() -> None:
        nonlocal asked
        for _ in range(200):
            with lock:
                asked += 1
            single_flight.run(work)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (asked, done) == (800, 800)
