"""Power-bank cabinets that share no code with galvan, on real sockets: lends and returns, and kill -9 in between."""
import os
import signal

import pytest

from galvan import base_config, free_ports, until
from other_cabinets import TextCabinet

IMEI = '860000000000001'
DEVICE = 'powerbank:' + IMEI
D1, D2 = 'RL10000001', 'RL1000000002'
RENTAL = 'galvan.rental.v1.Rental/'


@pytest.fixture
def node(run):
    ws, tcp = free_ports(2)
    config = base_config(ws, registry={'config': {'devices': [{'id': DEVICE}]}}, powerbank={})
    config['plugins']['link']['config']['listen'].append({'tcp': tcp, 'to': 'powerbank'})
    started = run(config)
    started.cabinets_port = tcp
    return started


@pytest.fixture
def cabinet(node):
    with_banks = TextCabinet('127.0.0.1', node.cabinets_port, IMEI, {1: ('FU', D1), 2: ('NF', D2), 3: ('EM', None)})
    come(node, with_banks)
    yield with_banks
    with_banks.close()


def come(node, cabinet):
    until('it is known', lambda: node.call(RENTAL + 'ListCabinets')['cabinets'])
    cabinet.connect()
    cabinet.send_heartbeat()
    until('its inventory is known', lambda: node.call(RENTAL + 'GetCabinet', {'device': DEVICE})['cabinet']['ready'])


def lend(node, order):
    return node.call('galvan.rental.v1.Lending/Lend', {'device': DEVICE, 'order': order})['rental']['id']


def rental(node, name):
    return node.call(RENTAL + 'GetRental', {'id': name})['rental']


def is_now(node, name, state):
    until('%s is %s' % (name, state), lambda: rental(node, name)['state'] == 'RENTAL_STATE_' + state)


def test_a_bank_goes_out_and_comes_back(node, cabinet):
    events = node.events('RentalStarted', 'RentalEnded')
    name = lend(node, 'O-1')
    assert cabinet.lend_ok().bank == D1
    assert events.wait('RentalStarted')['event']['rental']['bank'] == D1
    assert cabinet.return_bank(3, D1)
    ended = events.wait('RentalEnded')['event']['rental']
    assert (ended['id'], ended['state'], ended['returnSlot']) == (name, 'RENTAL_STATE_RETURNED', 3)
    events.close()


def test_the_next_slot_is_tried(node, cabinet):
    name = lend(node, 'O-1')
    cabinet.lend_failed()
    assert cabinet.lend_ok().bank == D2
    is_now(node, name, 'ACTIVE')


def test_a_foreign_bank_stays_outside(node, cabinet):
    assert not cabinet.return_bank(3, 'XX10000009')


def test_kill_9_of_the_plugin_between_all_steps(node, cabinet):
    """The cabinet keeps its connection and notices nothing."""
    def kill():
        before = node.instance('powerbank')['restarts']
        os.kill(int(node.instance('powerbank')['pid']), signal.SIGKILL)
        until('it was restarted', lambda: node.instance('powerbank')['restarts'] > before and node.instance('powerbank')['state'] == 'running')

    name = lend(node, 'O-1')
    kill()
    assert cabinet.lend_ok().bank == D1
    kill()
    is_now(node, name, 'ACTIVE')
    assert lend(node, 'O-1') == name
    kill()
    assert cabinet.return_bank(3, D1)
    kill()
    is_now(node, name, 'RETURNED')


def test_kill_9_of_the_node_in_the_middle_of_a_lend(node, cabinet):
    """The cabinet has opened and could not say so: what it holds when it is back says it."""
    name = lend(node, 'O-1')
    cabinet.wait_for('CC', 'BW')
    node.restart()
    cabinet.close()
    cabinet.slots[1] = ('EM', None)
    come(node, cabinet)
    is_now(node, name, 'ACTIVE')
    assert 'inferred' in rental(node, name)['flags']
