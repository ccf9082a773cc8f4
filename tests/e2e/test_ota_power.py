"""galvan-ota-agent is killed, or loses its power, at each thing that it does to its disk: what its state names is whole, and the next run ends as if
nothing had been."""
import hashlib
import json
import os

from agents import DEVICE, Device
from repositories import BUILD, Repository
from securesystemslib.signer import CryptoSigner
from update_server import Server

TESTS = os.path.join(BUILD, 'tests', 'unit', 'plugins', 'ota')
POWER = os.path.join(TESTS, 'ota_power.so')
RUNS_MAX = 5


def image(name, version):
    """A program that a version is only a tail of."""
    with open(name, 'rb') as f:
        return f.read() + version.encode()


class Bench:
    """A new device each time, of one server."""

    def __init__(self, tmp_path, program):
        self.tmp_path = tmp_path
        self.repository = Repository(tmp_path / 'repository')
        self.target = self.repository.add('meter/1.1.0/fw.bin', image(program, '1.1.0'), version='1.1.0', counter=2)
        self.repository.publish()
        self.server = Server(self.repository)
        self.server.assignments[DEVICE] = self.repository.assignment(DEVICE, self.target)
        self.first = None  # the documents that devices have seen before, where they have

    def rotate(self):
        """From now on a root with another key for timestamp; devices have seen the one before."""
        self.repository.signers['timestamp'] = [CryptoSigner.generate_ed25519()]
        self.first = {name: self.server.find('tuf/' + name) for name in ('timestamp.json', '1.snapshot.json', '1.targets.json')}
        self.repository.name_keys('timestamp', self.repository.signers['timestamp'])
        self.repository.root.signed.version += 1
        self.repository.publish()

    def look_at_the_first(self, device):
        """One cycle of the repository as it was before the root changed, with nothing to do."""
        self.server.instead = {'tuf/' + name: data for name, data in self.first.items()}
        self.server.instead['tuf/2.root.json'] = lambda handler: handler.send(404)
        assignment = self.server.assignments.pop(DEVICE)
        assert device.once()[0] == 0
        self.server.assignments[DEVICE] = assignment
        self.server.instead = {}

    def device(self, name):
        self.server.reports.clear()
        device = Device(self.tmp_path / name, self.server, run=['@firmware@'])
        device.factory('firmware', image(os.path.join(TESTS, 'ota_well'), '1.0.0'), '1.0.0', 1)
        if self.first:
            self.look_at_the_first(device)
        return device

    def steps(self):
        """Things done to the disk in a run that nothing disturbs."""
        device = self.device('undisturbed')
        assert device.once(self.power(device, POWER_COUNT=os.path.join(device.folder, 'count')))[0] == 0
        with open(os.path.join(device.folder, 'count')) as f:
            return int(f.read())

    @staticmethod
    def power(device, **more):
        return {'LD_PRELOAD': POWER, 'POWER_FOLDER': os.path.realpath(device.folder), **more}


def whole(device, image_of, slots=('firmware-a', 'firmware-b')):
    with open(os.path.join(device.folder, slots[image_of['slot']]), 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest() == image_of['sha256']


def hold_to_account(device):
    """Whatever the state names is there, whole; counters never fall."""
    state = device.state()
    assert whole(device, state['confirmed']['firmware'])
    assert 'trial' not in state or whole(device, state['trial'])
    assert state['confirmed']['firmware']['counter'] >= 1
    for name in ('root', 'timestamp', 'snapshot', 'targets'):
        path = os.path.join(device.folder, 'metadata', name + '.json')
        if os.path.exists(path):
            with open(path) as f:
                json.load(f)


def goes_down(tmp_path, program, lost, version, outcome, every=1, rotates=False):
    bench = Bench(tmp_path, os.path.join(TESTS, program) if '/' not in program else program)
    try:
        if rotates:
            bench.rotate()
        steps = bench.steps()
        assert steps > 60
        for at in range(1, steps + 1, every):
            device = bench.device('%d' % at)
            status, _ = device.once(bench.power(device, DIE_AT=str(at), **lost))
            assert status == -9, 'it went down at %d' % at
            hold_to_account(device)
            for _ in range(RUNS_MAX):
                if device.once()[0] == 0:
                    break
            hold_to_account(device)
            assert device.confirmed()[0] == version, 'went down at %d' % at
            assert [report['step'] for report in bench.server.unique()].count(outcome) == 1, 'went down at %d' % at
            assert device.state()['outbox'] == [] and device.state()['seen'] == 1
    finally:
        bench.server.close()


def test_an_update_survives_a_power_loss_at_each_step(tmp_path):
    goes_down(tmp_path, 'ota_well', {'POWER_LOST': '1'}, '1.1.0', 'installed')


def test_an_update_survives_kill_9(tmp_path):
    """Nothing is lost then that was written: less can go wrong, so fewer steps are looked at."""
    goes_down(tmp_path, 'ota_well', {}, '1.1.0', 'installed', every=8)


def test_new_keys_survive_a_power_loss(tmp_path):
    """A root takes timestamp's key away: what was kept under the old one goes before the root comes."""
    goes_down(tmp_path, 'ota_well', {'POWER_LOST': '1'}, '1.1.0', 'installed', every=9, rotates=True)


def test_going_back_survives_a_power_loss(tmp_path):
    """The new version ends at once."""
    goes_down(tmp_path, '/bin/false', {'POWER_LOST': '1'}, '1.0.0', 'reverted', every=6)
