"""Updates on the real node: people sign with python-tuf, python-tuf's client reads the repository, galvan-ota-agent takes what a campaign
assigns it, and nobody else does."""
import json
import urllib.error
import urllib.request

import pytest
from agents import ENDS, Device, program
from galvan import Refused
from repositories import later
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Key, Metadata, Role, Root
from tuf.ngclient import FetcherInterface, Updater
from updates import Updates


class Fetcher(FetcherInterface):
    """python-tuf's client with a device's credentials."""

    def __init__(self, updates, device):
        super().__init__()
        self.updates, self.device = updates, device

    def _fetch(self, url):
        try:
            yield self.updates.get(url.removeprefix('tuf:/'), self.device)
        except urllib.error.HTTPError as e:
            raise DownloadHTTPError(str(e), e.code) from e


def client(updates, folder, device='meter:M1'):
    return Updater(str(folder), 'tuf:/tuf/', str(folder), 'tuf:/tuf/targets/', Fetcher(updates, device),
                   bootstrap=updates.get('tuf/1.root.json', device))


def root_of(updates, people, threshold):
    """A root whose targets take `threshold` of the people, and which names the node's online key."""
    online = json.loads(updates.call('GetRepository')['keys']['online'])
    key = Key.from_dict(online.pop('keyid'), online)
    root = Metadata(Root(expires=later(365), consistent_snapshot=True))
    for role in ('root', 'targets', 'snapshot', 'timestamp'):
        root.signed.roles[role] = Role([], threshold if role in ('root', 'targets') else 1)
        for k in [p.public_key for p in people] if role in ('root', 'targets') else [key]:
            root.signed.add_key(k, role)
    for person in people[:threshold]:
        root.sign(person, append=True)
    return root.to_bytes().decode()


def test_an_artifact_waits_for_as_many_signatures_as_the_root_asks_for(run, tmp_path):
    updates = Updates(run, keys='offline')
    people = [CryptoSigner.generate_ed25519() for _ in range(3)]
    updates.call('PutDocument', role='root', document=root_of(updates, people, 2))
    to_sign = updates.put_artifact('meter/1.1.0/fw.bin', b'firmware 1.1.0', '1.1.0', 2)
    stranger = CryptoSigner.generate_ed25519().sign(to_sign.encode())
    with pytest.raises(Refused, match='names no key'):
        updates.call('PutSignature', role='targets', keyId=stranger.keyid, signature=stranger.signature)
    missing = []
    for person in people[:2]:
        signature = person.sign(to_sign.encode())
        missing.append(updates.call('PutSignature', role='targets', keyId=signature.keyid, signature=signature.signature)['missing'])
    assert missing == [1, 0]
    assert updates.call('GetArtifact', id='meter/1.1.0/fw.bin')['artifact']['state'] == 'ready'
    updater = client(updates, tmp_path)
    updater.refresh()
    target = updater.get_targetinfo('meter/1.1.0/fw.bin')
    with open(updater.download_target(target, str(tmp_path / 'fw.bin')), 'rb') as f:
        assert f.read() == b'firmware 1.1.0'


def test_a_release_never_goes_below_the_greatest_counter(run):
    updates = Updates(run)
    updates.put_artifact('meter/1.1.0/fw.bin', b'firmware 1.1.0', '1.1.0', 2)
    with pytest.raises(Refused, match='counter must be above 2'):
        updates.put_artifact('meter/1.0.9/fw.bin', b'firmware 1.0.9', '1.0.9', 2)


def test_two_of_three_customers_get_it_and_the_third_is_untouched(run, tmp_path):
    updates = Updates(run)
    devices = {}
    for name, customer in (('M1', 'north'), ('M2', 'north'), ('M3', 'south')):
        device = 'meter:' + name
        updates.node.put_device(device, tags=[customer])
        devices[device] = agent(updates, tmp_path / name, device)
        took(devices[device])
    updates.put_artifact('meter/1.1.0/fw.bin', program('1.1.0'), '1.1.0', 2)
    updates.start('spring', 'meter/1.1.0/fw.bin', {'filter': 'tag = north'})
    for device in ('meter:M1', 'meter:M2'):
        updates.wait_state(device, 'UNDER_WAY')
    for device in devices.values():
        took(device)
    for device in ('meter:M1', 'meter:M2'):
        assert devices[device].confirmed() == ('1.1.0', 2)
        assert updates.wait_state(device, 'SUCCEEDED')['fromVersion'] in ('', '1.0.0')
    assert devices['meter:M3'].confirmed() == ('1.0.0', 1)
    assert updates.assignment('meter:M3') is None


def test_what_does_not_run_is_gone_back_from_and_counts_as_a_failure(run, tmp_path):
    updates = Updates(run)
    updates.node.put_device('meter:M1')
    device = agent(updates, tmp_path / 'M1', 'meter:M1')
    took(device)
    updates.put_artifact('meter/1.1.0/fw.bin', program('1.1.0', health=ENDS), '1.1.0', 2)
    updates.start('spring', 'meter/1.1.0/fw.bin', {'devices': ['meter:M1']})
    updates.wait_state('meter:M1', 'UNDER_WAY')
    device.once()
    assert 'reverted' in updates.wait_state('meter:M1', 'FAILED')['reason']
    assert device.confirmed() == ('1.0.0', 1)


def test_a_device_is_let_in_by_its_own_credentials_only(run):
    updates = Updates(run)
    for device, token in (('meter:M1', 'wrong'), ('meter:M2', updates.call('GetAgentToken', device='meter:M1')['token'])):
        with pytest.raises(urllib.error.HTTPError, match='401'):
            updates.get('tuf/timestamp.json', device, token)
    with pytest.raises(urllib.error.HTTPError, match='403'):
        updates.get('devices/meter:M2/assignment.json', 'meter:M1')


def took(device):
    code, said = device.once()
    assert code == 0, said


def agent(updates, folder, device):
    class Served:
        address = updates.url + '/ota'

        class repository:
            @staticmethod
            def root_bytes():
                return updates.get('tuf/1.root.json', device)
    return Device(folder, Served, device=device, password=updates.call('GetAgentToken', device=device)['token'], health_s=2)
