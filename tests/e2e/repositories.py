"""A repository of updates as python-tuf makes it, in a folder: offline keys 2 of 3, online keys, artifacts, the director's delegation."""
import datetime
import hashlib
import json
import os
import subprocess

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (DelegatedRole, Delegations, Key, Metadata, MetaFile, Role, Root, Snapshot, TargetFile, Targets, Timestamp)

BUILD = os.path.dirname(os.path.abspath(os.environ.get('GALVAN', os.path.join(os.path.dirname(__file__), '..', '..', 'build', 'galvan'))))
PEER = os.path.join(BUILD, 'tests', 'unit', 'plugins', 'ota', 'ota_peer')
DIRECTOR_SEED = '41' * 32
OFFLINE = {'root': (3, 2), 'targets': (3, 2)}


def peer(*arguments):
    """What the C library signs or says."""
    done = subprocess.run([PEER, *map(str, arguments)], capture_output=True)
    return done.returncode, done.stdout


def later(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).replace(microsecond=0)


def stamp(time):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ')


class Repository:
    """Versions and signers are at hand, so that a test can also be the attacker."""

    def __init__(self, folder, ecdsa=False):
        self.folder = str(folder)
        os.makedirs(os.path.join(self.folder, 'targets'), exist_ok=True)
        make = CryptoSigner.generate_ecdsa if ecdsa else CryptoSigner.generate_ed25519
        self.signers = {role: [make() for _ in range(n)] for role, (n, _) in OFFLINE.items()}
        self.signers |= {role: [CryptoSigner.generate_ed25519()] for role in ('snapshot', 'timestamp')}
        self.root = Metadata(Root(expires=later(365), consistent_snapshot=True))
        for role, signers in self.signers.items():
            self.name_keys(role, signers)
        self.targets = Metadata(Targets(expires=later(90)))
        self.snapshot = Metadata(Snapshot(expires=later(7)))
        self.timestamp = Metadata(Timestamp(expires=later(1)))
        self.delegate(DIRECTOR_SEED)

    def name_keys(self, role, signers):
        threshold = OFFLINE.get(role, (1, 1))[1]
        self.root.signed.roles[role] = Role([], threshold)
        for signer in signers:
            self.root.signed.add_key(signer.public_key, role)

    def delegate(self, seed):
        """Targets names the director's online key, as an operator's tool does."""
        keyid, public = peer('key', seed)[1].decode().split()
        key = Key.from_dict(keyid, {'keytype': 'ed25519', 'scheme': 'ed25519', 'keyval': {'public': public}})
        role = DelegatedRole('director', [keyid], 1, True, paths=['assignments/*'])
        self.targets.signed.delegations = Delegations({keyid: key}, {'director': role})

    def add(self, path, data, **custom):
        target = TargetFile.from_data(path, data, ['sha256'])
        target.unrecognized_fields['custom'] = {'product': 'meter', 'kind': 'firmware', 'hardware': ['rev-b'],
                                                'install': {'seconds': 5, 'slots': 2}, **custom}
        self.targets.signed.targets[path] = target
        folder, name = os.path.split(path)
        os.makedirs(os.path.join(self.folder, 'targets', folder), exist_ok=True)
        with open(os.path.join(self.folder, 'targets', folder, target.hashes['sha256'] + '.' + name), 'wb') as f:
            f.write(data)
        return target

    def sign(self, metadata, role, count=None):
        metadata.signatures.clear()
        for signer in self.signers[role][:count if count is not None else OFFLINE.get(role, (1, 1))[1]]:
            metadata.sign(signer, append=True)

    def put(self, name, data):
        with open(os.path.join(self.folder, name), 'wb') as f:
            f.write(data)

    def write(self, metadata, role):
        version = '' if role == 'timestamp' else '%d.' % metadata.signed.version
        data = metadata.to_bytes()
        self.put(version + role + '.json', data)
        return data

    def describe(self, metadata, data):
        return MetaFile(metadata.signed.version, len(data), {'sha256': hashlib.sha256(data).hexdigest()})

    def publish(self, signers=None):
        """Signs everything and writes it; `signers` is how many sign targets."""
        self.sign(self.root, 'root')
        self.write(self.root, 'root')
        self.sign(self.targets, 'targets', signers)
        self.snapshot.signed.meta['targets.json'] = self.describe(self.targets, self.write(self.targets, 'targets'))
        self.sign(self.snapshot, 'snapshot')
        self.timestamp.signed.snapshot_meta = self.describe(self.snapshot, self.write(self.snapshot, 'snapshot'))
        self.sign(self.timestamp, 'timestamp')
        self.write(self.timestamp, 'timestamp')

    def publish_next(self, **options):
        for metadata in (self.targets, self.snapshot, self.timestamp):
            metadata.signed.version += 1
        self.publish(**options)

    def next_root(self, before):
        """A root after `before`, which old and new keys sign."""
        self.root.signed.version += 1
        self.root.signatures.clear()
        for signer in [*before, *self.signers['root']]:
            self.root.sign(signer, append=True)
        self.write(self.root, 'root')

    def root_bytes(self, version=1):
        with open(os.path.join(self.folder, '%d.root.json' % version), 'rb') as f:
            return f.read()

    def assignment(self, device, target, version=1, **more):
        """A signed assignment of a target, as the node's director makes it."""
        payload = {'_type': 'assignment', 'spec_version': '1.0.31', 'version': version, 'expires': stamp(later(7)), 'device': device,
                   'id': 'campaign-1', 'target': {'path': target.path, 'length': target.length, 'hashes': {'sha256': target.hashes['sha256']},
                                                  'counter': target.unrecognized_fields['custom']['counter']}}
        seed = more.pop('seed', DIRECTOR_SEED)
        return peer('assign', seed, json.dumps(payload | more))[1]
