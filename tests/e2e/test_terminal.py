"""A terminal on the real binary: a node with a radio (the loopback), a pile of firmware's code in its reach, and a cloud on another node. KILLS says
how often it is killed."""
import base64
import json
import os
import signal
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from galvan import GALVAN, Lines, Node, PLUGINS, Refused, Shipped, base_config, free_ports, until

PILE_PROGRAM = os.path.join(PLUGINS, 'tests', 'fixtures', 'ble', 'loopback_pile')
ADDRESS = 'AA-BB-CC-00-11-22'
DEVICE = 'ble:' + ADDRESS
BLE, PILES, CHARGING = 'galvan.ble.v1.Ble/', 'galvan.ble.v1.Piles/', 'galvan.charging.v1.Charging/'
KILLS = int(os.environ.get('KILLS', '50'))


class Site:
    """The cloud, and a terminal with a pile beside it."""

    def __init__(self, run, folder):
        ws, = free_ports(1)
        self.cloud = run(base_config(ws, ble={'config': {'cloud': {'secret': 'a secret of tests'}}}), name='cloud')
        for name, password in (('ble:T1', 'of the terminal'), (DEVICE, 'of the pile')):
            self.cloud.put_device(name, password=password)
        key, pile_id = Ed25519PrivateKey.generate(), os.urandom(16).hex()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        signed = self.cloud.call(PILES + 'SignCertificate', {'pile': pile_id, 'publicKey': public, 'expires': 4000000000})
        self.cloud.call(PILES + 'PutPile', {'device': DEVICE, 'certificate': signed['certificate']})
        self.radio = os.path.join(str(folder), 'radio')
        os.makedirs(self.radio)
        self.pile = subprocess.Popen(
            [PILE_PROGRAM, self.radio, ADDRESS, pile_id, key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()).hex(), signed['root'],
             base64.b64decode(signed['certificate']).hex()], stdout=subprocess.PIPE, text=True)
        assert Lines(self.pile.stdout).next() == 'ready'
        self.terminal = run({'node': {'name': 'terminal'}, 'plugins': {
            'link': {},
            'bluetooth': {'config': {'loopback': {'folder': self.radio, 'mtu': 185}}},
            'ble': {'config': {'terminal': {'root': signed['root'], 'cloud': 'ws://127.0.0.1:%d/ble/T1' % ws, 'password': 'of the terminal'}}},
        }}, name='terminal')

    def order(self, token):
        """Paid for, as far as the pile's side goes."""
        assert self.cloud.call(CHARGING + 'Start', {'device': DEVICE, 'connector': 1, 'token': token})['status'] == 'Accepted'

    def at_pile(self, method, **request):
        return self.terminal.call(BLE + method, dict(device=DEVICE, **request))

    def insist(self, method, **request):
        """As people do: what has no answer, or is still under way, is asked for again."""
        def answer():
            try:
                said = self.at_pile(method, **request)
                return said if said['result'] != 'NOT_OFFLINE' else None  # neither the pile nor the terminal had a network
            except Refused as e:
                assert e.code in ('unavailable', 'aborted', 'deadline_exceeded', 'cancelled', 'unknown', 'internal'), e.text
                return None
        return until(method, answer)

    def books(self):
        return self.cloud.call(PILES + 'GetPile', {'device': DEVICE})['pile']

    def until_ended(self):
        """The one session that there is."""
        return until('the session has ended', lambda: next((s for s in self.cloud.sessions(DEVICE) if s['state'] == 'ENDED'), None))

    def until_receipted(self):
        def whole():
            chains = self.books()['chains']
            return chains and all(c['upto'] == c['highest'] for c in chains)
        return until('the cloud has all that is known of', whole)

    def close(self):
        self.pile.kill()
        self.pile.wait()


@pytest.fixture
def site(run, folder):
    if not os.path.isfile(PILE_PROGRAM):
        pytest.skip('the loopback pile is not built: %s' % PILE_PROGRAM)
    made = Site(run, folder)
    yield made
    made.close()


def test_an_order_is_started_and_stopped_at_a_pile_without_a_network(site):
    until('the line', lambda: site.terminal.call('galvan.link.v1.Link/ListDials')['dials'][0]['state'] == 'connected')
    site.order('O-1')
    started = site.at_pile('Start', order='O-1')
    assert (started['status'], started['result']) == ('Accepted', 'OK')
    assert site.at_pile('Start', order='never paid')['status'] == 'Rejected'
    assert site.at_pile('Stop')['result'] == 'OK'
    session = site.until_ended()
    assert session['token'] == 'O-1'
    site.until_receipted()
    listed, = site.terminal.call(BLE + 'ListPiles')['piles']
    assert listed['device'] == DEVICE and listed['stored'] == 0
    until('a receipt at the pile', lambda: int(site.terminal.call(BLE + 'ListPiles')['piles'][0]['receipted']) > 0)


def test_without_its_cloud_it_stores_and_catches_up_by_itself(site):
    until('the line', lambda: site.terminal.call('galvan.link.v1.Link/ListDials')['dials'][0]['state'] == 'connected')
    site.order('O-1')
    assert site.at_pile('Start', order='O-1')['result'] == 'OK'
    site.cloud.kill()
    assert site.at_pile('Stop')['result'] == 'OK'
    until('records are stored', lambda: len(site.terminal.rows('ble', 'terminal_records')) >= 2)
    site.terminal.restart()
    site.cloud.start()
    site.until_ended()
    site.until_receipted()
    until('nothing is left', lambda: site.terminal.rows('ble', 'terminal_records') == [])


def moments(site):
    """What the terminal is in the middle of when it is killed."""
    def rows(table):
        return lambda: site.terminal.rows('ble', table)
    return [('the order is a row', rows('terminal_commands')), ('at once', lambda: True), ('records are stored', rows('terminal_records')),
            ('something waits for the pile', rows('terminal_bring')), ('the pile has answered', lambda: False)]


def killed_while(site, moment, alone, method, **request):
    """A call is under way when the role's process dies alone, or its whole node."""
    asked = subprocess.Popen([GALVAN, 'call', '--data', site.terminal.data, BLE + method, json.dumps(dict(device=DEVICE, **request))],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(moment[0], lambda: asked.poll() is not None or moment[1]())
    if alone:
        before = site.terminal.instance('ble')
        os.kill(int(before['pid']), signal.SIGKILL)
        until('ble is back', lambda: (lambda p: p['restarts'] > before['restarts'] and p['state'] == 'running')(site.terminal.instance('ble')))
    else:
        site.terminal.restart()
    asked.kill()
    asked.wait()


def test_killed_again_and_again_it_loses_and_doubles_nothing(site):
    until('the line', lambda: site.terminal.call('galvan.link.v1.Link/ListDials')['dials'][0]['state'] == 'connected')
    kinds = moments(site)
    sessions = 0
    for i in range(KILLS):
        if i % 2 == 0:
            sessions += 1
            site.order('O-%d' % sessions)
            killed_while(site, kinds[i // 2 % len(kinds)], i % 8 < 2, 'Start', order='O-%d' % sessions)
            assert site.insist('Start', order='O-%d' % sessions)['result'] == 'OK'
        else:
            killed_while(site, kinds[i // 2 % len(kinds)], i % 8 < 2, 'Stop')
            site.insist('Stop')
    until('every session has ended', lambda: len([s for s in site.cloud.sessions(DEVICE) if s['state'] == 'ENDED']) >= sessions)
    site.until_receipted()
    assert sorted(s['token'] for s in site.cloud.sessions(DEVICE)) == sorted('O-%d' % (i + 1) for i in range(sessions))
    assert site.cloud.call(PILES + 'ListCases')['cases'] == []


def test_the_shipped_terminal_works_without_a_radio_and_without_a_network(run, folder):
    ws, http = free_ports(2)
    cloud = run(base_config(ws, ble={'config': {'cloud': {'secret': 'a secret of tests'}}}), name='cloud')
    cloud.put_device('ble:T1', password='of the terminal')
    root = cloud.call(PILES + 'GetKeySet')['root']
    terminal = Shipped(folder, 'terminal.yaml', GALVAN_HTTP_PORT=str(http), GALVAN_BLE_ROOT=root, GALVAN_BLE_PASSWORD='of the terminal',
                       GALVAN_BLE_CLOUD='ws://127.0.0.1:%d/ble/T1' % ws)

    def heard():
        return [c['device'] for c in cloud.call('galvan.link.v1.Link/ListConnections')['connections']] == ['ble:T1']
    cloud.stop()
    try:
        terminal.start()
        assert terminal.call(BLE + 'ListPiles')['piles'] == []
        cloud.start()
        until('the terminal is there by itself', heard)
    finally:
        terminal.close()
