"""The simulated Bluetooth piles, visited by an implementation of CPB1 that shares no line with theirs."""
import base64
import contextlib
import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import ble_visitor as cpb1
from billing import charges, until_order, verify
from ble_visitor import Cloud, Loopback, PileRefused, Visit, check_chain, number
from bluez import MOCK, Bus, Mock
from galvan import Refused, until
from piles import PILES, post, raw, start_pile_node

ADDRESS = 'C0-00-00-00-00-01'
DEVICE = 'ble:' + ADDRESS
START, METER, END, BOOT = 1, 2, 3, 8


class Pile:
    """A simulated pile with a cloud of Python behind it."""

    def __init__(self, run, tmp_path, **fleet):
        self.folder, self.cloud, self.holder = str(tmp_path / 'air'), Cloud(), Ed25519PrivateKey.generate()
        self.node = run({'node': {'name': 'test'}, 'plugins': {'sim': {'config': {'piles': [{
            'name': 'yard', 'secret': 'of this test alone', 'speed': 1000, 'meter_s': 0,
            **({} if 'gatt' in fleet else {'loopback': self.folder}), **fleet}]}}}})
        self.id = bytes.fromhex(self.state()['id'])
        certificate = self.cloud.certificate(self.id, bytes.fromhex(self.state()['publicKey']))
        self.call('SetPileCertificate', certificate=base64.b64encode(certificate).decode(), root=self.cloud.root.hex())

    def call(self, method, **request):
        return self.node.call('galvan.sim.v1.Sim/' + method, {'pile': ADDRESS, **request})

    def state(self):
        return self.call('ListPiles')['piles'][0]

    def line(self, mtu):
        return Loopback(self.folder, ADDRESS, mtu)

    def visit(self, jti=b'', mtu=247):
        """Up to AUTH, with a voucher of that number where one is named."""
        visit = Visit(self.line(mtu), self.cloud.root)
        visit.put(cpb1.KEYSET_PUT, self.cloud.keyset())
        if jti:
            visit.auth(self.cloud.voucher(self.id, raw(self.holder.public_key()), jti), self.holder)
        return visit

    def session(self, jti, mtu=247):
        visit = self.visit(jti, mtu)
        visit.start(jti)
        assert self.state()['connectors'][0]['charging']
        visit.stop(jti)
        return visit


@pytest.mark.parametrize('mtu', [23, 185, 517])
def test_a_session_and_its_records(run, tmp_path, mtu):
    pile = Pile(run, tmp_path, mtu=mtu)
    visit = pile.session(b'1' * 16, mtu)
    assert visit.mtu == mtu
    records, head = visit.records()
    last = check_chain(records)
    assert last == (number(head[6]), head[7])
    opened = [pile.cloud.opened(r) for r in records]
    start, end = (next(o for o in opened if o[2] == bytes([kind])) for kind in (START, END))
    assert start[0xe] == end[0xe] == b'1' * 16
    assert start[0xd] == end[0xd] == cpb1.sha(b'CPB1-SID', pile.id, start[5], start[6])[:16]
    connector = pile.state()['connectors'][0]
    assert abs(number(end[0x10]) - int(connector['deliveredWh'])) <= 1
    assert number(end[0xf]) - number(start[0xf]) == number(end[0x10])
    visit.put(cpb1.RCPT_PUT, pile.cloud.receipt(pile.id, number(head[5]), last[0], last[1]))
    assert pile.state()['receipted'] == str(last[0])
    assert visit.records()[0] == [], 'what has a receipt is not carried again'


class MockLine:
    """A connection that a mock of bluetoothd has made to a peripheral of this machine."""
    CLIENT = 'dev_11_22_33_44_55_66'

    def __init__(self, mock, mtu):
        self._mock, self.mtu = mock, mtu
        mock.do('client listen', 'set mtu %d' % mtu)

    def write(self, value):
        self._mock.do('client write %s %s' % (self.CLIENT, value.hex()))

    def notified(self):
        while not (line := self._mock.next()).startswith('notified '):
            assert not line.startswith('refused'), line
        return bytes.fromhex(line.split()[1])

    def close(self):
        self._mock.do('client leave')


class GattPile(Pile):
    """The same pile as a real Bluetooth peripheral, as far as a mock of bluetoothd goes."""

    def __init__(self, run, tmp_path, bus, mock):
        self._mock = mock
        super().__init__(run, tmp_path, gatt={'bus': bus.address})
        while not mock.next().startswith('RegisterAdvertisement'):
            pass

    def line(self, mtu):
        return MockLine(self._mock, mtu)


def test_a_session_over_bluez(run, tmp_path):
    for file in (MOCK, '/usr/bin/dbus-daemon'):
        if not os.path.isfile(file):
            pytest.skip('%s is not there' % file)
    with contextlib.closing(Bus()) as bus, contextlib.closing(Mock(bus, 'adapter', bare=True)) as mock:
        pile = GattPile(run, tmp_path, bus, mock)
        visit = pile.session(b'1' * 16, 185)
        records, _ = visit.records()
        check_chain(records)
        visit.close()
        again = pile.visit(b'2' * 16, 23)
        again.start(b'2' * 16)
        again.close()


def test_what_it_advertises(run, tmp_path):
    pile = Pile(run, tmp_path)
    visit = pile.visit(b'1' * 16)
    visit.start(b'1' * 16)
    pile.state()
    with open(os.path.join(pile.folder, ADDRESS + '.json'), encoding='utf-8') as f:
        data = base64.b64decode(json.load(f)['serviceData'])
    assert data[0] == 1
    assert data[1] & 6 == 6, 'it charges, and has records without a receipt'
    assert number(data[2:4]) > 0
    assert data[4:8] == pile.id[:4]


def test_a_voucher_starts_once_over_power_cuts_and_kills(run, tmp_path):
    pile = Pile(run, tmp_path, store=str(tmp_path))
    pile.session(b'1' * 16).close()
    pile.call('PowerCyclePile')
    visit = pile.visit(b'1' * 16)
    with pytest.raises(PileRefused) as e:
        visit.start(b'2' * 16)
    assert e.value.result == cpb1.USED
    pile.node.restart()
    again = pile.visit(b'1' * 16)
    with pytest.raises(PileRefused) as e:
        again.start(b'3' * 16)
    assert e.value.result == cpb1.USED
    records, _ = again.records()
    check_chain(records)
    kinds = [pile.cloud.opened(r)[2][0] for r in records]
    assert kinds.count(START) == kinds.count(END) == 1
    assert kinds.count(BOOT) == int(pile.state()['boots'])


def test_a_session_that_loses_its_power_ends_with_what_the_meter_says(run, tmp_path):
    pile = Pile(run, tmp_path)
    visit = pile.visit(b'1' * 16)
    visit.start(b'1' * 16)
    pile.call('PowerCyclePile')
    visit = pile.visit(b'1' * 16)
    visit.stop(b'1' * 16)
    opened = [pile.cloud.opened(r) for r in visit.records()[0]]
    end, = [o for o in opened if o[2][0] == END]
    assert number(end[0x12]) == 9, 'the reason: power'
    assert abs(number(end[0x10]) - int(pile.state()['connectors'][0]['deliveredWh'])) <= 1


def test_the_time_is_believed_of_the_cloud_and_of_this_connection_only(run, tmp_path):
    pile = Pile(run, tmp_path)
    visit = pile.visit()
    with pytest.raises(PileRefused):
        visit.put(cpb1.TIME_PUT, pile.cloud.time(pile.id, bytes(16)))
    visit.put(cpb1.TIME_PUT, pile.cloud.time(pile.id, visit.nonce))
    visit.close()
    trusted = pile.visit()
    assert trusted.facts[0x26] == b'\x02'


def test_out_of_reach_and_back(run, tmp_path):
    pile = Pile(run, tmp_path)
    pile.call('SetPileRadio', off=True)
    assert os.listdir(pile.folder) == []
    pile.call('SetPileRadio', off=False)
    pile.visit(b'1' * 16).start(b'1' * 16)


# ---- in galvan's own world: the node's root signs, orders are paid


def enrolled(run, tmp_path, **fleet):
    """A node with money and piles' books, and a pile that was enrolled there."""
    node = start_pile_node(run)
    node.call('galvan.registry.v1.Registry/PutDevice', {'device': {'id': DEVICE, 'connectors': [{'id': 1, 'type': 'Type2'}]}})
    node.config['plugins']['sim'] = {'config': {'piles': [{
        'name': 'yard', 'secret': 'of this test alone', 'enrol': True, 'speed': 1000, 'loopback': str(tmp_path / 'air'), **fleet}]}}
    node.write_config()
    node.restart()
    until('the pile is enrolled', lambda: node.call('galvan.sim.v1.Sim/ListPiles')['piles'][0]['certified'])
    until('the cloud knows it', lambda: node.call(PILES + 'GetPile', {'device': DEVICE})['pile']['id'])
    return node


def pile_of(node):
    return node.call('galvan.sim.v1.Sim/ListPiles')['piles'][0]


def checkout(node):
    return node.bill('Checkout', {'id': 'O-1', 'device': DEVICE, 'connector': 1, 'customer': 'C-1'})['order']


def test_a_pile_on_line_charges_for_a_paid_order(run, tmp_path):
    node = enrolled(run, tmp_path)
    node.config['plugins']['sim']['config']['piles'][0]['url'] = 'ws://127.0.0.1:%d/ble/' % node.ws_port
    node.write_config()
    node.restart()
    until('it is on line', lambda: node.call(PILES + 'GetPile', {'device': DEVICE})['pile']['online'])
    checkout(node)
    until('it charges', lambda: pile_of(node)['connectors'][0]['charging'])
    until_order(node, 'O-1', 'STARTED')
    node.call('galvan.sim.v1.Sim/UnplugPile', {'pile': ADDRESS})
    until_order(node, 'O-1', 'CLOSED')
    charge, = charges(node)
    assert abs(int(charge['energyWh']) - int(pile_of(node)['connectors'][0]['deliveredWh'])) <= 1
    until('all has a receipt', lambda: pile_of(node)['receipted'] == pile_of(node)['records'])
    verify(node)


def test_a_pile_without_a_network_charges_on_a_voucher_and_a_phone_brings_it_home(run, tmp_path):
    node, holder = enrolled(run, tmp_path), Ed25519PrivateKey.generate()
    order = checkout(node)
    got = node.call(PILES + 'GetVoucher', {'order': order['token'], 'holderKey': raw(holder.public_key()).hex(), 'offlineOk': True})
    keyset = node.call(PILES + 'GetKeySet')
    visit = Visit(Loopback(str(tmp_path / 'air'), ADDRESS, 247), bytes.fromhex(keyset['root']))
    visit.put(cpb1.KEYSET_PUT, base64.b64decode(keyset['document']))
    fetched = node.call(PILES + 'Fetch', {'pile': visit.pile.hex(), 'nonce': visit.nonce.hex()})
    visit.put(cpb1.TIME_PUT, base64.b64decode(fetched['time']))  # without which 50.00 would be too much
    visit.auth(base64.b64decode(got['voucher']), holder)
    visit.start(bytes.fromhex(got['order']))
    visit.stop(bytes.fromhex(got['order']))
    records, _ = visit.records()
    receipts = post(node, *records)['receipts']
    visit.put(cpb1.RCPT_PUT, base64.b64decode(receipts[0]))
    assert pile_of(node)['receipted'] == pile_of(node)['records'], 'it may forget, as the cloud has all'
    until_order(node, 'O-1', 'CLOSED')
    charge, = charges(node)
    assert abs(int(charge['energyWh']) - int(pile_of(node)['connectors'][0]['deliveredWh'])) <= 1
    verify(node)


@pytest.mark.parametrize('fleet, words', [
    ({}, 'secret'),
    ({'secret': 'long enough', 'first': 'C1-00-00-00-00-00', 'loopback': ''}, 'could reach'),
    ({'secret': 'long enough', 'first': 'nonsense'}, 'six bytes'),
    ({'secret': 'long enough'}, 'addresses'),
    ({'secret': 'long enough', 'name': 'yard'}, 'there is one of this name'),
])
def test_a_fleet_that_cannot_be_is_refused_with_what_is_wrong(run, tmp_path, fleet, words):
    pile = Pile(run, tmp_path)
    with pytest.raises(Refused, match=words):
        pile.node.call('galvan.sim.v1.Sim/AddPiles', {'fleet': {'name': 'another', 'loopback': pile.folder, **fleet}})
