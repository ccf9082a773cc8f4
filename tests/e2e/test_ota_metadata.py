"""The metadata library beside python-tuf: what that makes is read, and what the library signs its client accepts."""
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from repositories import DIRECTOR_SEED, Repository, later, peer, stamp
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Signature, SSlibKey
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Key, Metadata, Root
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

ONLINE_SEED = '07' * 32


class Folder(FetcherInterface):
    """python-tuf's client reads a folder."""

    def _fetch(self, url):
        try:
            with open(url, 'rb') as f:
                yield f.read()
        except FileNotFoundError:
            raise DownloadHTTPError('not there', 404)


def refresh(repository, tmp_path, now=None):
    (tmp_path / 'first.json').write_bytes(repository.root_bytes())
    status, said = peer('refresh', tmp_path / 'first.json', repository.folder, stamp(now or later(0)))
    return status, said.decode()


@pytest.mark.parametrize('ecdsa', [False, True])
def test_what_python_tuf_makes_is_read(tmp_path, ecdsa):
    """Ed25519, and ECDSA over P-256; names with every kind of character that JSON escapes."""
    repository = Repository(tmp_path / 'repository', ecdsa)
    repository.add('meter/1.0.0/fw.bin', b'one', version='1.0.0', counter=1, note='tab\t "quoted" \\ é 漢 \x7f')
    repository.publish()
    assert refresh(repository, tmp_path) == (0, 'root 1\ntimestamp 1\nsnapshot 1\ntargets 1\n')


def test_a_new_root_of_python_tuf_is_followed(tmp_path):
    repository = Repository(tmp_path / 'repository')
    repository.publish()
    before = repository.signers['root']
    repository.signers['root'] = Repository(tmp_path / 'other').signers['root']
    repository.name_keys('root', repository.signers['root'])
    repository.next_root(before)
    assert refresh(repository, tmp_path)[1].startswith('root 2\n')


def test_python_tufs_client_accepts_what_the_library_signs(tmp_path):
    """Snapshot and timestamp by the node's keys, root and targets by the operator's: ngclient goes through all four."""
    repository = Repository(tmp_path / 'repository')
    keyid, public = peer('key', ONLINE_SEED)[1].decode().split()
    key = Key.from_dict(keyid, {'keytype': 'ed25519', 'scheme': 'ed25519', 'keyval': {'public': public}})
    for role in ('snapshot', 'timestamp'):
        repository.root.signed.roles[role].keyids.clear()
        repository.root.signed.add_key(key, role)
    target = repository.add('meter/1.0.0/fw.bin', b'one', version='1.0.0', counter=1)
    repository.publish()
    folder = repository.folder
    repository.put('4.snapshot.json', peer('snapshot', ONLINE_SEED, 4, stamp(later(7)), folder + '/1.targets.json', 1)[1])
    repository.put('timestamp.json', peer('timestamp', ONLINE_SEED, 9, stamp(later(1)), folder + '/4.snapshot.json', 4)[1])
    (tmp_path / 'client').mkdir()
    updater = Updater(str(tmp_path / 'client'), folder, str(tmp_path / 'client'), folder + '/targets', Folder(), UpdaterConfig(),
                      bootstrap=repository.root_bytes())
    updater.refresh()
    assert updater.get_targetinfo('meter/1.0.0/fw.bin') == target
    with open(updater.download_target(target), 'rb') as f:
        assert f.read() == b'one'
    assert updater.get_targetinfo('evil.bin') is None
    assert refresh(repository, tmp_path) == (0, 'root 1\ntimestamp 9\nsnapshot 4\ntargets 1\n')


def test_python_tuf_verifies_an_assignment_by_the_delegation(tmp_path):
    """The director is a delegated role like any other: its signature is one of TUF's."""
    repository = Repository(tmp_path / 'repository')
    target = repository.add('meter/1.0.0/fw.bin', b'one', version='1.0.0', counter=1)
    document = json.loads(repository.assignment('ocpp:CP1', target))
    signatures = {entry['keyid']: Signature.from_dict(dict(entry)) for entry in document['signatures']}
    repository.targets.signed.verify_delegate('director', encode_canonical(document['signed']).encode(), signatures)


def test_canonical_numbers_and_keys_are_python_tufs(tmp_path):
    """A key's name as securesystemslib computes it, and whole numbers up to 2^53 - 1."""
    keyid, public = peer('key', DIRECTOR_SEED)[1].decode().split()
    repository = Repository(tmp_path / 'repository')
    assert SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))).keyid == keyid
    repository.add('meter/1.0.0/fw.bin', b'one', version='1.0.0', counter=2**53 - 1)
    repository.add('meter/1.0.1/fw.bin', b'two', version='1.0.1', counter=10**15)
    repository.publish()
    assert refresh(repository, tmp_path)[0] == 0
    assert Metadata[Root].from_bytes(repository.root_bytes()).signed.version == 1
