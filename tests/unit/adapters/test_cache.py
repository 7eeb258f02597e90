from __future__ import annotations

from tidegate.adapters.kubernetes.cache import REMEMBERED_DELETIONS, Cache

KEY = ("shop", "web")


def test_what_a_watch_stream_brought_is_answered() -> None:
    cache: Cache[str] = Cache()
    assert cache.put(KEY, "5", "five", watched=True)
    assert cache.get(KEY) == "five"


def test_what_only_our_own_calls_brought_is_not_answered() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "5", "five", watched=False)
    assert cache.get(KEY) is None
    assert cache.last(KEY) == "five"


def test_the_answer_to_our_own_write_goes_in() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "5", "five", watched=True)
    cache.put(KEY, "7", "seven", watched=False)
    assert cache.get(KEY) == "seven"


def test_what_is_older_is_ignored() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "10", "ten", watched=True)
    assert not cache.put(KEY, "9", "nine", watched=True)
    assert cache.get(KEY) == "ten"


def test_versions_are_numbers_not_text() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "9", "nine", watched=True)
    cache.put(KEY, "10", "ten", watched=True)
    assert cache.get(KEY) == "ten"


def test_a_change_we_have_seen_by_a_call_is_still_news_for_those_who_wait_for_the_stream() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "5", "five", watched=True)
    assert not cache.put(KEY, "6", "six", watched=False)
    assert cache.put(KEY, "6", "six", watched=True)


def test_the_same_again_is_no_news() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "5", "same", watched=True)
    assert not cache.put(KEY, "6", "same", watched=True)


def test_only_a_change_of_the_essence_is_news() -> None:
    cache: Cache[str] = Cache(essence=lambda view: view[0])
    cache.put(KEY, "5", "a1", watched=True)
    assert not cache.put(KEY, "6", "a2", watched=True)
    assert cache.put(KEY, "7", "b2", watched=True)


def test_a_late_answer_does_not_bring_back_what_was_deleted() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "5", "five", watched=True)
    assert cache.drop(KEY, "8")
    cache.put(KEY, "7", "seven", watched=False)
    assert cache.last(KEY) is None
    assert cache.put(KEY, "9", "another of that name", watched=True)


def test_a_deletion_of_unknown_version_does_not_forget_the_one_that_is_known() -> None:
    """Else a late answer would bring a ghost back, with all that it claims."""
    cache: Cache[str] = Cache()
    cache.put(KEY, "5", "five", watched=True)
    cache.drop(KEY, "8")
    cache.drop(KEY)
    assert not cache.put(KEY, "7", "seven", watched=False)
    assert cache.last(KEY) is None
    cache.put(KEY, "9", "the next", watched=True)
    cache.drop(KEY)
    assert not cache.put(KEY, "9", "again", watched=True)
    assert cache.last(KEY) is None


def test_what_is_newer_than_what_is_known() -> None:
    cache: Cache[str] = Cache()
    assert cache.is_newer(KEY, "1")
    cache.put(KEY, "5", "five", watched=True)
    assert [cache.is_newer(KEY, version) for version in ("4", "5", "6")] == [False, False, True]
    cache.drop(KEY, "8")
    assert [cache.is_newer(KEY, version) for version in ("8", "9")] == [False, True]


def test_an_old_deletion_does_not_take_the_next_of_that_name() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "9", "the next", watched=True)
    assert not cache.drop(KEY, "8")
    assert cache.get(KEY) == "the next"


def test_deletions_are_not_remembered_for_ever() -> None:
    cache: Cache[str] = Cache()
    for number in range(REMEMBERED_DELETIONS + 10):
        cache.drop(("shop", str(number)), "5")
    assert len(cache._gone) == REMEMBERED_DELETIONS  # noqa: SLF001  (what must stay small)


def test_without_a_watch_stream_nothing_is_answered_until_it_is_back() -> None:
    cache: Cache[str] = Cache()
    cache.put(KEY, "5", "five", watched=True)
    cache.unwatch()
    assert cache.get(KEY) is None
    assert not cache.put(KEY, "5", "five", watched=True), "nothing has changed meanwhile"
    assert cache.get(KEY) == "five"
