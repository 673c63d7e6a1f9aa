"""A search is what its link says, and a link that says what cannot be looked for is refused with the cure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.dashboard.catalog import Alike, Answer, Box, Find, Order, Search, SearchError, State
from annotator.unusable import Unusable

NAMES = st.text(min_size=1, max_size=50).map(str.strip).filter(bool)
MAYBE = st.none() | NAMES


SEARCHES = st.builds(
    Search,
    label=MAYBE,
    state=st.none() | st.sampled_from(State),
    least=st.none() | st.sampled_from([0.0, 0.07, 0.29, 0.5]),
    most=st.none() | st.sampled_from([0.5, 0.999, 1.0]),
    find=st.none() | st.sampled_from(Find),
    alike=st.none() | st.sampled_from(Alike),
    annotator=MAYBE,
    answer=st.none() | st.sampled_from(Answer),
    shown=MAYBE,
    problem=st.none() | st.sampled_from(["any", *Unusable]),
    box=st.none() | st.sampled_from([Box(-1, -1, 1, 1), Box(-0.12345, 0, 0.5, 0.00001)]),
    version=MAYBE,
    order=st.sampled_from(Order),
    page=st.integers(1, 1000),
)


@given(SEARCHES)
def test_a_link_leads_to_the_same_search(search: Search) -> None:
    assert Search.read(search.link()) == search


def test_a_link_says_only_what_is_asked() -> None:
    assert Search().link() == {}
    assert Search(label="cat", least=0.125, page=2).link() == {"label": "cat", "least": "12.5", "page": "2"}


def test_what_a_form_sends_empty_asks_nothing() -> None:
    assert (
        Search.read({"label": "", "state": " ", "least": "", "order": "", "page": "", "other": "x"})
        == Search()
    )


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ({"state": "perhaps"}, "it can be present, absent, unknown, conflict"),
        ({"find": "x"}, "it can be disagreement, missing, wrong"),
        ({"alike": "x"}, "it can be same, near"),
        ({"answer": "x"}, "it can be answered, open, skipped"),
        ({"order": "x"}, "it can be next"),
        ({"problem": "x"}, "it can be unreached"),
        ({"least": "x"}, "a number from 0 to 100"),
        ({"least": "nan"}, "a number from 0 to 100"),
        ({"most": "100.1"}, "a number from 0 to 100"),
        ({"most": "-1"}, "a number from 0 to 100"),
        ({"most": "1e999"}, "a number from 0 to 100"),
        ({"least": "80", "most": "20"}, "exchange the two"),
        ({"box": "1,2,3"}, "left,low,right,high"),
        ({"box": "a,0,1,1"}, "left,low,right,high"),
        ({"box": "0,0,0,1"}, "left is less than right"),
        ({"box": "0,1,1,0"}, "low than high"),
        ({"box": "nan,0,1,1"}, "left is less"),
        ({"box": "-1e9,0,1,1"}, "left is less"),
        ({"page": "0"}, "counted from 1"),
        ({"page": "-1"}, "counted from 1"),
        ({"page": "\u0662"}, "counted from 1"),
        ({"page": "9" * 30}, "counted from 1"),
        ({"label": "x" * 401}, "longer than 400"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_with_the_cure(link: dict[str, str], told: str) -> None:
    with pytest.raises(SearchError, match=told):
        Search.read(link)


def test_a_filter_that_is_taken_away_leaves_the_others_and_goes_to_the_first_page() -> None:
    search = Search(label="cat", state=State.PRESENT, order=Order.NEWEST, page=7)
    assert search.without("state") == Search(label="cat", order=Order.NEWEST)
    assert search.without("order") == Search(label="cat", state=State.PRESENT)
