"""Updates of piles without a network, on the real binary: a campaign hands their images to a cloud that cannot reach them; a terminal that nobody
trusts carries them, and what the piles say of them back."""
import hashlib

from galvan import until
from images import Makers
from updates import Updates

PILES, SIM, STATE = 'galvan.ble.v1.Piles/', 'galvan.sim.v1.Sim/', 'galvan.update.v1.Updates/GetUpdateState'
DEVICES = ['ble:C0-00-00-00-00-0%d' % i for i in (1, 2, 3, 4)]
BODY = hashlib.shake_256(b'the code of version 2').digest(20000)


class Yard:
    """A node with ota and four piles that only a radio reaches, whose images take two of three makers."""

    def __init__(self, run, folder):
        self.run, self.air, self.makers = run, str(folder / 'air'), Makers(3)
        self.updates = Updates(run, ble={'config': {'cloud': {'secret': 'a secret of tests'}}}, sim={'config': {'piles': [{
            'name': 'yard', 'secret': 'of this test alone', 'enrol': True, 'loopback': self.air, 'count': len(DEVICES),
            'makers': self.makers.public, 'maker_threshold': 2}]}})
        self.node = self.updates.node
        for device in DEVICES + ['ble:T1']:
            self.node.put_device(device)
        until('the piles are known', lambda: all(self.node.call(PILES + 'GetPile', {'device': d})['pile']['id'] for d in DEVICES)
              if all(p['certified'] for p in self.piles()) else None)

    def piles(self):
        return self.node.call(SIM + 'ListPiles')['piles']

    def versions(self):
        return [p['firmware'] for p in self.piles()]

    def put(self, name, image, counter):
        self.updates.put_artifact(name, image, '2', counter, product='pile')

    def terminal(self):
        root = self.node.call(PILES + 'GetKeySet')['root']
        return self.run({'node': {'name': 'terminal'}, 'plugins': {
            'link': {}, 'bluetooth': {'config': {'loopback': {'folder': self.air, 'mtu': 247}}},
            'ble': {'config': {'terminal': {'root': root, 'max_visits': len(DEVICES), 'cloud': 'ws://127.0.0.1:%d/ble/T1' % self.updates.ws}}}}},
            name='terminal')

    def runs(self, device):
        return self.node.call(STATE, {'device': device})['identity']['version']

    def letters(self, device):
        return self.node.call('galvan.ble.v1.Letters/ListLetters', {'device': device})


def test_a_campaign_reaches_two_of_three_piles_by_a_courier_and_what_was_tampered_with_is_refused(run, tmp_path):
    yard = Yard(run, tmp_path)
    updates, good = yard.updates, yard.makers.image(BODY, 2, 2, 2)
    yard.put('pile/2-tampered/image', good[:-1] + bytes([good[-1] ^ 1]), 2)
    yard.put('pile/2/image', good, 3)
    updates.start('broken', 'pile/2-tampered/image', {'devices': DEVICES[3:]})
    updates.wait_state(DEVICES[3], 'UNDER_WAY')
    courier = yard.terminal()
    failed = updates.wait_state(DEVICES[3], 'FAILED')
    assert 'not those that its makers have signed' in failed['reason']
    assert updates.campaign('broken')['counts']['failed'] == 1
    assert yard.versions() == [1, 1, 1, 1]
    updates.start('spring', 'pile/2/image', {'devices': DEVICES[:2]})
    for device in DEVICES[:2]:
        updates.wait_state(device, 'UNDER_WAY')
    courier.restart()  # with a new line it asks what there is
    until('both boot with it', lambda: yard.versions() == [2, 2, 1, 1])
    courier.restart()  # it passes by again
    for device in DEVICES[:2]:
        updates.wait_state(device, 'SUCCEEDED')
    assert yard.versions() == [2, 2, 1, 1]
    assert not yard.letters(DEVICES[2])['toPile'] and not yard.letters(DEVICES[2])['fromPile'], 'the third is untouched'
    until('the node knows what each runs', lambda: [yard.runs(d) for d in DEVICES] == ['2', '2', '1', '1'])
