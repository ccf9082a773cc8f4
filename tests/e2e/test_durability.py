"""Nothing leaves before it is on the disk: the whole node runs under a watcher (tests/integration/interpose.c) that ends any process which
sends within a turn that has written, or before the pages of its turn were synced."""
import os
import struct

import pytest

from galvan import PLUGINS, base_config, free_ports
from loads import Load, put_devices
from session import Session

WATCHER = os.path.join(PLUGINS, 'tests', 'integration', 'interpose.so')


@pytest.fixture
def watched(run, folder):
    if not os.path.exists(WATCHER):
        pytest.skip('the watcher is not built: %s' % WATCHER)
    ws, = free_ports(1)
    seen = os.path.join(folder, 'seen')
    os.mkdir(seen)
    node = run(base_config(ws), env={'LD_PRELOAD': WATCHER, 'GALVAN_INTERPOSE': seen})
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.seen = seen
    return node


def breaches(node):
    texts = []
    for name in os.listdir(node.seen):
        if name.startswith('breach.'):
            with open(os.path.join(node.seen, name), encoding='utf-8') as f:
                texts.append(f.read())
    return texts


def counts(node, pid):
    with open(os.path.join(node.seen, 'count.%s' % pid), 'rb') as f:
        return dict(zip(('sends', 'commits', 'syncs', 'page_writes', 'puts'), struct.unpack('5Q', f.read(40))))


def check(node):
    assert breaches(node) == []
    ocpp = counts(node, node.instance('ocpp')['pid'])
    assert ocpp['sends'] > 0, 'the watcher must have seen something'
    assert ocpp['commits'] > 0
    assert ocpp['syncs'] >= ocpp['commits'], 'each commit is synced'
    return ocpp


def test_a_session(watched, any_station):
    watched.put_device('ocpp:CP001')
    session = Session(watched, any_station())
    for step in Session.STEPS:
        session.do(step)
    session.check()
    check(watched)


def test_load(watched, run):
    put_devices(watched, 100)
    load = Load(run, watched, connections=100, message='MeterValues', calls=20000)
    report = load.wait('done', 120)
    assert report['unanswered'] == '0'
    seen = check(watched)
    assert seen['commits'] < 20000, 'a turn is one commit for all of its messages'
