"""galvan-ota-agent against a server: it installs what is assigned and signed, once, and goes back from what is not well."""
import hashlib
import os
import signal
import subprocess

import pytest
from agents import AGENT, BRINGS_DOWN, DEVICE, ENDS, ENDS_WELL, PATIENCE_S, SAYS_NOTHING, fleet, program
from certificates import Authority
from repositories import later, peer, stamp


@pytest.fixture
def world(tmp_path):
    repository, server, device, target = fleet(tmp_path)
    yield repository, server, device, target
    server.close()


def test_an_assigned_update_is_installed_confirmed_and_told(world):
    _, server, device, _ = world
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.1.0', 2)
    assert device.ran() == ['1.0.0', '1.1.0']
    assert server.steps() == ['downloading', 'verified', 'installing', 'rebooting', 'installed']
    last = server.reports[-1]
    assert last['assignment'] == 'campaign-1' and last['version'] == 1 and last['result'] == 'OK'
    assert last['installed']['firmware']['version'] == '1.1.0' and last['installed']['firmware']['counter'] == 2
    assert [report['sequence'] for report in server.reports] == [1, 2, 3, 4, 5]


def test_the_same_assignment_is_done_once(world):
    _, server, device, _ = world
    device.once()
    server.requests.clear()
    assert device.once()[0] == 0
    assert device.ran() == ['1.0.0', '1.1.0', '1.1.0']
    assert [path for path, _ in server.requests] == ['tuf/2.root.json', 'tuf/timestamp.json', 'devices/%s/assignment.json' % DEVICE]
    assert len(server.reports) == 5


def test_without_an_assignment_nothing_is_installed(world):
    """Nothing updates because it is newer."""
    _, server, device, _ = world
    server.assignments.clear()
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.0.0', 1) and server.reports == []


def test_a_download_that_breaks_off_goes_on(world):
    _, server, device, target = world
    server.cut_after = 100000
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.1.0', 2)
    ranges = [wanted for path, wanted in server.requests if 'targets/' in path]
    assert ranges[0] is None and ranges[1] == 'bytes=100000-' and len(ranges) == 2


def assign_unwell(repository, server, health):
    target = repository.add('meter/1.2.0/fw.bin', program('1.2.0', health), version='1.2.0', counter=3)
    repository.publish_next()
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, 2)


def test_what_ends_is_gone_back_from(world):
    repository, server, device, _ = world
    assign_unwell(repository, server, ENDS)
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.0.0', 1)
    assert device.ran() == ['1.0.0', '1.2.0', '1.0.0']
    assert server.steps()[-2:] == ['rebooting', 'reverted']
    assert 'it ended before' in server.reports[-1]['detail'] and server.reports[-1]['result'] == 'FAILED'
    device.once()
    assert device.ran() == ['1.0.0', '1.2.0', '1.0.0', '1.0.0'], 'it is not tried again'


def test_what_does_not_say_that_it_is_well_is_gone_back_from(world):
    repository, server, device, _ = world
    device.configure(health_s=1)
    assign_unwell(repository, server, SAYS_NOTHING)
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.0.0', 1)
    assert server.steps()[-2:] == ['rebooting', 'reverted']
    assert 'did not say within 1 s' in server.reports[-1]['detail']


def test_what_brings_the_device_down_is_gone_back_from(world):
    """Nobody is left to see that it is not well: the starts are counted."""
    repository, server, device, _ = world
    target = repository.add('meter/1.2.0/fw.bin', program('1.2.0', BRINGS_DOWN), version='1.2.0', counter=3)
    repository.publish_next()
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, 2)
    for _ in range(3):
        assert device.once()[0] == -9
    assert device.once()[0] == 0
    assert device.ran() == ['1.0.0', '1.2.0', '1.2.0', '1.2.0', '1.0.0']
    assert server.steps()[-1] == 'reverted' and device.confirmed() == ('1.0.0', 1)


def test_a_configuration_file_likewise(tmp_path):
    repository, server, device, _ = fleet(tmp_path)
    try:
        ran = os.path.join(device.folder, 'ran')
        slots = {'firmware': ['firmware-a', 'firmware-b'], 'config': ['conf-a', 'conf-b']}
        device.configure(run=['@firmware@', ran, '@config@'], slots=slots)
        device.factory('config', b'amps=16', '1', 1)
        target = repository.add('meter/config/7.conf', b'amps=32', version='7', counter=7, kind='config')
        repository.publish_next()
        server.assignments[DEVICE] = repository.assignment(DEVICE, target, 2)
        assert device.once()[0] == 0
        assert device.confirmed('config') == ('7', 7) and device.confirmed() == ('1.0.0', 1)
        assert device.ran() == ['1.0.0 amps=16', '1.0.0 amps=32']
    finally:
        server.close()


def test_an_update_waits_for_its_window(world):
    repository, server, device, target = world
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, 2, window={'from': stamp(later(1)), 'until': stamp(later(2))})
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.0.0', 1)
    device.once()
    assert server.steps() == ['downloading', 'verified', 'install-scheduled'], 'once, however often the device looks'
    server.requests.clear()
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, 3, window={'from': stamp(later(-1)), 'until': stamp(later(1))})
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.1.0', 2)
    assert not [path for path, _ in server.requests if 'targets/' in path], 'it was here already'


def test_reports_wait_for_the_server(world):
    _, server, device, _ = world
    server.refuse_reports = 1000
    assert device.once()[0] == 0
    assert server.reports == []
    server.refuse_reports = 0
    device.once()
    assert server.steps() == ['downloading', 'verified', 'installing', 'rebooting', 'installed']


def test_what_a_device_has_no_slots_for_is_told_once(world):
    repository, server, device, _ = world
    target = repository.add('meter/config/7.conf', b'amps=32', version='7', counter=7, kind='config')
    repository.publish_next()
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, 2)
    assert device.once()[0] == 1
    device.once()
    assert server.steps() == ['installation-failed']
    assert 'no slots for config' in server.reports[0]['detail']


def test_wrong_credentials_are_said(world):
    _, server, device, _ = world
    server.password = 'another'
    status, said = device.once()
    assert status == 1 and 'the server answers 401' in said
    assert device.ran() == ['1.0.0'], 'the device does its work all the same'


def test_over_tls_the_servers_certificate_must_be_one_of_ca(tmp_path):
    ours, strangers = Authority(str(tmp_path), 'ours'), Authority(str(tmp_path), 'strangers')
    _, server, device, _ = fleet(tmp_path, pair=ours.server(), ca=strangers.cert)
    try:
        status, said = device.once()
        assert status == 1 and 'certificate' in said and server.requests == []
        device.configure(ca=ours.cert)
        assert device.once()[0] == 0
        assert device.confirmed() == ('1.1.0', 2)
    finally:
        server.close()


@pytest.mark.parametrize('change, words', [
    ({'server': 'ftp://x'}, 'server must be an address'), ({'slots': {}}, 'slots must name two paths'),
    ({'run': []}, 'run must be a list'), ({'slots': {'firmware': ['a', 'a']}}, 'two different paths'), ({'poll_s': 0}, 'poll_s must be 1 to 86400'),
    ({'product': ''}, 'product must be a text'), ({'device': 7}, 'device must be a text'),
])
def test_a_wrong_config_is_named(world, change, words):
    device = world[2]
    device.configure(**change)
    status, said = device.once()
    assert status == 1 and words in said


def test_the_agent_keeps_its_process_running_and_ends_with_it(world):
    _, server, device, _ = world
    agent = subprocess.Popen([AGENT, 'run', device.folder], stderr=subprocess.DEVNULL)
    with server.changed:
        assert server.changed.wait_for(lambda: 'installed' in server.steps(), PATIENCE_S)
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(PATIENCE_S) == 0
    assert device.ran() == ['1.0.0', '1.1.0']


def test_a_process_that_ends_is_started_again(world):
    _, server, device, _ = world
    server.assignments.clear()
    device.factory('firmware', program('1.0.1', ENDS_WELL), '1.0.1', 1)
    agent = subprocess.Popen([AGENT, 'run', device.folder], stderr=subprocess.DEVNULL)
    looks = 'devices/%s/assignment.json' % DEVICE
    with server.changed:
        assert server.changed.wait_for(lambda: [path for path, _ in server.requests].count(looks) >= 3, PATIENCE_S)
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(PATIENCE_S) == 0
    assert device.ran()[:3] == ['1.0.1'] * 3


# ---- deltas


def delta_of(device, server, algorithm, data):
    with open(os.path.join(device.folder, 'firmware-a'), 'rb') as f:
        old = hashlib.sha256(f.read()).hexdigest()
    return {'algorithm': algorithm, 'from': old, 'sha256': server.offer(data), 'length': len(data)}


def both_files(device):
    old, new = os.path.join(device.folder, 'firmware-a'), os.path.join(device.folder, 'new')
    with open(new, 'wb') as f:
        f.write(program('1.1.0', size=300000))
    return old, new


def gd1_delta(device):
    return peer('delta', *both_files(device))[1]


def zstd_delta(device):
    """Of zstd's own command."""
    old, new = both_files(device)
    return subprocess.run(['zstd', '-q', '-c', '--patch-from=' + old, new], capture_output=True, check=True).stdout


@pytest.mark.parametrize('algorithm, make', [('gd1', gd1_delta), ('zstd', zstd_delta)])
def test_a_delta_is_applied(world, algorithm, make):
    repository, server, device, target = world
    delta = delta_of(device, server, algorithm, make(device))
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, deltas=[delta])
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.1.0', 2)
    assert not [path for path, _ in server.requests if 'targets/' in path], 'the whole file was not fetched'


@pytest.mark.parametrize('spoil', ['other-bytes', 'cut', 'missing', 'unknown-algorithm', 'no-delta'])
def test_what_is_wrong_with_a_delta_costs_a_download(world, spoil):
    repository, server, device, target = world
    data = gd1_delta(device)
    delta = delta_of(device, server, 'gd1', data if spoil != 'no-delta' else os.urandom(len(data)))
    if spoil == 'other-bytes':
        server.deltas[delta['sha256']] = os.urandom(len(data))
    elif spoil == 'cut':
        server.deltas[delta['sha256']] = data[:len(data) // 2]
    elif spoil == 'missing':
        server.deltas.clear()
    elif spoil == 'unknown-algorithm':
        delta['algorithm'] = 'vcdiff'
    server.assignments[DEVICE] = repository.assignment(DEVICE, target, deltas=[delta])
    assert device.once()[0] == 0
    assert device.confirmed() == ('1.1.0', 2)
    assert len([path for path, _ in server.requests if 'targets/' in path]) == 1
