"""Bandwidth budgets: what a plugin names with a file, its downloads share. Times are bounded from below alone: a slow machine takes longer."""
import os
import select
import time

import pytest

from downloads import path
from galvan import until

SIZE = 200000
RATE = 200000
BURST = 0.1 * RATE + 16384  # what link makes up for, and a turn


@pytest.fixture(scope='module')
def files(file_server):
    file_server.name = file_server.put(os.urandom(SIZE))
    return file_server


def begin(files, budgets, tls=False):
    connection = files.connect(tls)
    connection.request('GET', path(files.name, budgets))
    return connection


def finish(connection):
    response = connection.getresponse()
    assert response.status == 200
    return len(response.read())


@pytest.mark.parametrize('tls', [False, True], ids=['plain', 'TLS'])
def test_a_download_is_no_faster_than_its_budget(files, tls):
    began = time.monotonic()
    assert finish(begin(files, 'one-%s:%d' % (tls, RATE), tls)) == SIZE
    assert time.monotonic() - began >= (SIZE - BURST) / RATE


def test_all_who_name_a_budget_share_it(files):
    began = time.monotonic()
    lines = [begin(files, 'shared:%d&own-%d:1000000' % (RATE, i)) for i in range(3)]
    assert [finish(line) for line in lines] == 3 * [SIZE]
    assert time.monotonic() - began >= (3 * SIZE - BURST) / RATE


def test_one_request_after_the_other_is_no_way_around_it(files):
    began = time.monotonic()
    for _ in range(20):
        connection = files.connect()
        connection.request('GET', path(files.name, 'pieces:%d' % RATE), headers={'Range': 'bytes=0-9999'})
        assert len(connection.getresponse().read()) == 10000
        connection.close()
    assert time.monotonic() - began >= (20 * 10000 - BURST) / RATE


def test_everybody_has_an_equal_part(files):
    """When the first is done, nobody is further behind than some turns."""
    lines = [begin(files, 'fair:400000&own-%d:%d' % (i, 10 ** (6 + i))).sock for i in range(4)]
    got = dict.fromkeys(lines, 0)
    while max(got.values()) < SIZE:
        for line in select.select(lines, [], [])[0]:
            got[line] += len(line.recv(1 << 16))
    for line in lines:  # what has been sent, too
        while select.select([line], [], [], 0)[0] and got[line] < SIZE:
            got[line] += len(line.recv(1 << 16))
        line.close()
    assert min(got.values()) >= SIZE - 3 * 16384, sorted(got.values())


def test_who_waits_for_a_narrow_budget_holds_nobody_up(files):
    slow = begin(files, 'narrow:1000&wide:10000000')
    assert finish(begin(files, 'wide:10000000')) == SIZE
    assert finish(begin(files, '')) == SIZE
    slow.close()


def test_the_newest_answer_says_how_wide_it_is(files):
    slow = begin(files, 'changed:2000')
    slow.sock.recv(1)
    assert finish(begin(files, 'changed:10000000')) == SIZE
    assert finish_rest(slow) >= SIZE - 1, 'the one that was slow, too'


def finish_rest(connection):
    """Bytes, head included, until there are as many as the file has."""
    n = 0
    while n < SIZE:
        n += len(connection.sock.recv(1 << 16))
    return n


def test_a_budget_of_zero_is_none(files):
    assert finish(begin(files, 'none:0')) == SIZE


def test_budgets_are_gone_when_nobody_uses_them(files):
    line = begin(files, 'gone:1000&gone-too:2000000')
    until('both are there', lambda: files.metric('link_budgets') == 2)
    line.close()
    until('none is left', lambda: files.metric('link_budgets') == 0)


@pytest.mark.parametrize('budgets, why', [('&'.join('b%d:1' % i for i in range(9)), 'more than 8 budgets'), (129 * 'x' + ':1', '1 to 128 bytes')])
def test_an_answer_that_names_too_much_is_refused_with_its_reason_in_the_log(files, budgets, why):
    assert files.get(files.name, budgets=budgets).status == 502
    files.node.wait_log(why)
