"""The seven attacks of The Update Framework against galvan-ota-agent: a server that an attacker holds, with the keys that each attack supposes to be
lost. Each is refused with its reason, the reason is reported, and the device goes on running what it ran."""
import json

import pytest
from agents import DEVICE, fleet, program
from repositories import DIRECTOR_SEED, Repository, later
from securesystemslib.signer import CryptoSigner
from update_server import endless


@pytest.fixture
def world(tmp_path):
    repository, server, device, target = fleet(tmp_path)
    yield repository, server, device, target
    server.close()


def refused(device, server, name, words):
    status, said = device.once()
    assert status == 1, said
    last = server.unique()[-1]
    assert (last['step'], last['result']) == ('invalid-signature', name), last
    assert words in last['detail'], last
    assert set(device.ran()) == {'1.0.0'} and device.confirmed() == ('1.0.0', 1)


def trusting(device, server):
    """The device has seen the repository as it is, and has nothing to do."""
    kept = dict(server.assignments)
    server.assignments.clear()
    assert device.once()[0] == 0
    server.assignments.update(kept)


def test_arbitrary_package(world):
    """With the director's key the attacker assigns a file that no offline key has signed."""
    repository, server, device, _ = world
    evil = Repository(repository.folder + '-evil').add('meter/evil.bin', program('evil'), version='9', counter=9)
    server.assignments[DEVICE] = repository.assignment(DEVICE, evil)
    refused(device, server, 'NO_TARGET', 'has no meter/evil.bin')


def test_arbitrary_package_under_a_good_name(world):
    repository, server, device, target = world
    evil = Repository(repository.folder + '-evil').add(target.path, program('evil'), version='1.1.0', counter=2)
    server.assignments[DEVICE] = repository.assignment(DEVICE, evil)
    refused(device, server, 'WRONG_HASH', 'other bytes')


def test_arbitrary_package_by_a_stranger(world):
    repository, server, device, target = world
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, seed='99' * 32)
    refused(device, server, 'THRESHOLD', 'director version 1: 0 of the keys')


def test_arbitrary_package_of_changed_bytes(world):
    """The documents are the repository's; the file is not."""
    _, server, device, target = world
    path = 'tuf/targets/meter/1.1.0/%s.fw.bin' % target.hashes['sha256']
    server.instead[path] = b'x' * target.length
    assert device.once()[0] == 1
    assert (server.reports[-1]['step'], server.reports[-1]['result']) == ('verification-failed', 'WRONG_HASH')
    assert device.ran() == ['1.0.0']


def test_arbitrary_package_of_another_device(world):
    repository, server, device, target = world
    server.assignments[DEVICE] = repository.assignment('meter:M2', target)
    refused(device, server, 'WRONG_DEVICE', 'is for meter:M2, this is meter:M1')


@pytest.mark.parametrize('name, limit', [('2.root.json', 512000), ('timestamp.json', 16384), ('1.snapshot.json', None), ('1.targets.json', None)])
def test_endless_data(world, name, limit):
    """No more is read than the role, or the length that was signed, allows."""
    _, server, device, _ = world
    server.instead['tuf/' + name] = endless
    refused(device, server, 'TOO_LARGE', '%s has more than %s' % (name, limit or ''))


def test_endless_data_of_a_file(world):
    _, server, device, target = world
    server.instead['tuf/targets/meter/1.1.0/%s.fw.bin' % target.hashes['sha256']] = endless
    assert device.once()[0] == 1
    assert (server.reports[-1]['step'], server.reports[-1]['result']) == ('verification-failed', 'TOO_LARGE')
    assert 'the %d bytes that are signed for' % target.length in server.reports[-1]['detail']


@pytest.mark.parametrize('role', ['timestamp', 'snapshot', 'targets'])
def test_freeze(world, role):
    """The server shows what was good once, and is over."""
    repository, server, device, _ = world
    getattr(repository, role).signed.expires = later(-1)
    repository.publish()
    refused(device, server, 'EXPIRED', role + ' version 1 expired at')


def test_freeze_of_an_assignment(world):
    repository, server, device, target = world
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, expires='2026-01-01T00:00:00Z')
    refused(device, server, 'EXPIRED', 'director version 1 expired at 2026-01-01')


def test_rollback(world):
    """An old state of the repository, rightly signed."""
    repository, server, device, _ = world
    old = server.find('tuf/timestamp.json')
    repository.publish_next()
    trusting(device, server)
    server.instead['tuf/timestamp.json'] = old
    refused(device, server, 'ROLLBACK', 'timestamp version 1 is older than the trusted 2')


def test_rollback_of_the_counter(world):
    """The repository is in order; the director, whose key the attacker has, assigns a release from before."""
    repository, server, device, _ = world
    device.factory('firmware', program('1.0.0'), '1.0.0', 5)
    old = repository.add('meter/0.9.0/fw.bin', program('0.9.0'), version='0.9.0', counter=4)
    repository.publish_next()
    server.assignments[DEVICE] = repository.assignment(DEVICE, old)
    status, _ = device.once()
    assert status == 1
    assert server.reports[-1]['result'] == 'ROLLBACK' and 'the counter 4, the device runs 5' in server.reports[-1]['detail']
    assert device.ran() == ['1.0.0']


def test_mix_and_match(world):
    """Targets of before under a snapshot of now."""
    repository, server, device, _ = world
    old = server.find('tuf/1.targets.json')
    repository.publish_next()
    server.instead['tuf/2.targets.json'] = old
    # of the length that is signed, or it is not even looked at
    server.instead['tuf/2.targets.json'] += b' ' * (len(server.find('tuf/2.targets.json')) - len(old))
    refused(device, server, 'WRONG_HASH', 'targets has the SHA-256')


def test_fast_forward(world):
    """Lost online keys signed a version that no honest repository reaches. A new root with new keys, and all is well."""
    repository, server, device, _ = world
    good = [metadata.signed.version for metadata in (repository.snapshot, repository.timestamp)]
    repository.snapshot.signed.version = repository.timestamp.signed.version = 2**53 - 1
    repository.publish()
    trusting(device, server)
    repository.snapshot.signed.version, repository.timestamp.signed.version = [version + 1 for version in good]
    repository.publish()
    refused(device, server, 'ROLLBACK', 'older than the trusted 9007199254740991')
    for role in ('snapshot', 'timestamp'):
        repository.signers[role] = [CryptoSigner.generate_ed25519()]
        repository.name_keys(role, repository.signers[role])
    repository.root.signed.version += 1
    repository.publish()
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.1.0', 2)


def test_keys_below_the_threshold(world):
    """One of two offline keys is lost: that is not enough."""
    repository, server, device, _ = world
    repository.add('meter/evil.bin', program('evil'), version='9', counter=9)
    repository.publish_next(signers=1)
    refused(device, server, 'THRESHOLD', 'targets version 2: 1 of the keys')


def test_keys_below_the_threshold_of_a_new_root(world):
    repository, server, device, _ = world
    stolen = repository.signers['root'][:1]
    repository.signers['root'] = [CryptoSigner.generate_ed25519() for _ in range(2)]
    repository.name_keys('root', repository.signers['root'])
    repository.next_root(stolen)
    refused(device, server, 'THRESHOLD', 'root version 2: 1 of the keys that root version 1 names')


def test_a_refusal_is_told_once(world):
    repository, server, device, target = world
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, seed='99' * 32)
    for _ in range(2):
        device.once()
    assert len(server.reports) == 1
    assert json.loads(server.assignments[DEVICE])['signed']['device'] == DEVICE
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, seed=DIRECTOR_SEED)
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.1.0', 2)
