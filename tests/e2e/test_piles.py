"""Bluetooth piles on the real binary: paid orders on line and off line, by every road, charged once; and what a cloned pile, a phone that hides
records and kill -9 cannot do."""
import base64
import os
import signal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.exceptions import InvalidStatus

from billing import available, charges, until_charges, until_order, verify
from galvan import Refused, until
from piles import (DUPLICATE, FORK, GAP, OK, PILES, RCPT_PUT, REC_END, REC_GET, START_CMD, START_RES, Pile, fields, keyset_of, number, post,
                   raw, start_pile_node, tlv, u8, verified)


@pytest.fixture
def node(run):
    return start_pile_node(run)


@pytest.fixture
def pile(node):
    made = Pile('AA-BB-CC-00-11-22').make_known(node)
    yield made
    made.close()


def checkout(node, pile, name='O-1'):
    return node.bill('Checkout', {'id': name, 'device': pile.device, 'connector': 1, 'customer': 'C-1'})['order']


def cases(node, kind):
    return node.call(PILES + 'ListCases', {'kind': kind})['cases']


def kill_plugin(node, name):
    before = node.instance(name)
    os.kill(int(before['pid']), signal.SIGKILL)
    until('%s is back' % name, lambda: node.instance(name)['restarts'] > before['restarts'] and node.instance(name)['state'] == 'running')


def test_a_paid_order_at_a_pile_on_line(node, pile):
    with pytest.raises(InvalidStatus):
        Pile('NOBODY').connect(node.ws_port)
    pile.connect(node.ws_port)
    counter, asked = pile.heard(REC_GET)
    pile.boot()
    pile.send(REC_END, counter, pile.head(fields(asked)[0x22]))
    assert checkout(node, pile)['state'] == 'ORDER_STATE_STARTING'
    counter, start = pile.heard(START_CMD)
    grant = fields(start)
    # 50.00 are held; 0.40 a kWh and 0.50 to begin, and 20 % on both
    assert (number(grant[0xc]), grant[0xd]) == (5000, b'EUR')
    assert 102000 < number(grant[0xa]) < 104000
    pile.send(START_RES, counter, tlv({1: u8(OK)}))
    pile.bring(pile.records[0])
    assert pile.bring(pile.begin(grant[3]), counter=3) == OK
    until_order(node, 'O-1', 'STARTED')
    assert pile.bring(pile.end(6000), counter=5) == OK
    _, receipt = pile.heard(RCPT_PUT)
    assert pile.accepts(receipt, keyset_of(node)) == 3
    closed = until_order(node, 'O-1', 'CLOSED')
    assert closed['cost'] == '348' and available(node, 'wallet:C-1') == 10000 - 348
    verify(node)


def test_an_order_at_a_pile_without_a_network_becomes_money_once(node, pile):
    holder = Ed25519PrivateKey.generate()
    order = checkout(node, pile)
    got = node.call(PILES + 'GetVoucher', {'order': order['token'], 'holderKey': raw(holder.public_key()).hex(), 'offlineOk': True})
    keyset = base64.b64decode(got['keyset'])
    voucher = verified(base64.b64decode(got['voucher']), b'VCH', fields(keyset[:-64])[0x32][4:])
    assert voucher[4] == pile.id and voucher[6] == raw(holder.public_key()) and voucher[0x11].hex() == got['order']
    start, end = pile.begin(voucher[3]), pile.end(6000)
    assert post(node, end)['results'] == ['GAP']
    node.restart()
    said = post(node, start, end, heads=[pile.head()])
    assert (said['results'], said['headResults']) == (['OK', 'DUPLICATE'], ['OK'])
    assert pile.accepts(base64.b64decode(said['receipts'][0]), keyset_of(node)) == 2
    until_order(node, 'O-1', 'CLOSED')
    pile.connect(node.ws_port)
    kill_plugin(node, 'ble')
    assert [pile.bring(record, 2 * i + 1) for i, record in enumerate(pile.records)] == [DUPLICATE, DUPLICATE]
    assert len(until_charges(node, 1)) == 1
    assert available(node, 'wallet:C-1') == 10000 - 348
    assert not node.call(PILES + 'ListCases')['cases']
    roads = node.call(PILES + 'ListRecords', {'device': pile.device})['records'][0]['roads']
    assert [road['kind'] for road in roads] == ['api', 'pile']
    verify(node)


def test_a_clone_and_a_phone_that_hides_records_are_found(node, pile):
    clone = Pile('AA-BB-CC-00-11-22')
    for _ in range(4):
        pile.boot()
    assert post(node, pile.records[0], pile.records[3], heads=[pile.head()])['results'] == ['OK', 'GAP']
    chain = node.call(PILES + 'GetPile', {'device': pile.device})['pile']['chains'][0]
    assert (chain['upto'], chain['highest'], chain['missing']) == ('1', '4', [{'from': '2', 'to': '3'}])
    pile.connect(node.ws_port)
    assert pile.bring(pile.records[2]) == GAP
    assert pile.bring(pile.records[1], 3) == OK
    assert node.call(PILES + 'GetPile', {'device': pile.device})['pile']['chains'][0]['upto'] == '4'
    assert pile.bring(clone.begin(), 5) == FORK
    assert cases(node, 'fork')[0]['device'] == pile.device
    with pytest.raises(Refused) as refused:
        node.call('galvan.charging.v1.Charging/Start', {'device': pile.device, 'connector': 1, 'token': 'X'})
    assert 'quarantine' in refused.value.text
    node.call(PILES + 'CloseCase', {'id': cases(node, 'fork')[0]['id'], 'note': 'the clone was found'})
    assert not node.call(PILES + 'GetPile', {'device': pile.device})['pile']['quarantined']
    assert not charges(node)
