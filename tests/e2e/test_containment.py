"""Plugins that crash, hang, choke on a message, lie about their ABI or are badly configured: each is refused or contained, with a sentence
that says what to do, and a charger beside them notices nothing."""
import os
import shutil
import subprocess

import pytest
from websockets.sync.client import connect

from galvan import GALVAN, PLUGINS, Refused, base_config, free_ports, until

FIXTURES = os.path.join(PLUGINS, 'tests', 'fixtures', 'plugins')
COUNTER_GRANTS = ['serve:galvan.fixture.v1.Fixture', 'emit:galvan.fixture.v1.Counted']
LISTENER_GRANTS = ['hear:galvan.fixture.v1.Counted']
HEARTBEAT = '[2,"h","Heartbeat",{}]'


@pytest.fixture(autouse=True)
def built():
    if not os.path.isdir(FIXTURES):
        pytest.skip('the fixture plugins are not built: %s' % FIXTURES)


def put(folder, name, variant):
    """What an operator does: copies a new file over the old one."""
    path = os.path.join(folder, name + '.so')
    shutil.copy(os.path.join(FIXTURES, variant + '.so'), path + '.new')
    os.rename(path + '.new', path)
    return path


class Site:
    """A cloud with the two fixture plugins in it and one charger connected."""

    def __init__(self, run, folder, counter='counter_1', listener='listener'):
        ws, = free_ports(1)
        self.folder = folder
        self.node = run(base_config(
            ws, counter={'path': put(folder, 'counter', counter), 'grants': COUNTER_GRANTS},
            listener={'path': put(folder, 'listener', listener), 'grants': LISTENER_GRANTS}), env={'GALVAN_HANG_MS': '2000'})
        self.node.put_device('ocpp:CP001')
        self.pids = {name: self.node.instance(name)['pid'] for name in ('link', 'registry', 'ocpp')}
        self.charger = connect('ws://127.0.0.1:%d/ocpp/CP001' % ws, subprotocols=['ocpp1.6']).__enter__()

    def count(self, key, **options):
        return self.node.call('galvan.fixture.v1.Fixture/Count', {'key': key}, **options)

    def misbehave(self, how):
        try:
            self.node.call('galvan.fixture.v1.Fixture/Misbehave', {'how': how}, timeout=1)
        except Refused as e:
            return e

    def check_others(self):
        assert {name: self.node.instance(name)['pid'] for name in self.pids} == self.pids
        self.charger.send(HEARTBEAT)
        assert 'currentTime' in self.charger.recv(timeout=10), 'on the connection from before'

    def parked(self, plugin='listener'):
        return self.node.call('galvan.kernel.v1.Plugin/ListParked', {'plugin': plugin})['parked']


@pytest.fixture
def site(run, folder):
    site = Site(run, folder)
    yield site
    site.charger.close()


def test_a_plugin_that_crashes_is_restarted_alone(site):
    assert site.count('a')['count'] == '1'
    site.misbehave('crash')
    until('it is back', lambda: site.node.instance('counter')['restarts'] >= 1)
    site.node.wait_state('counter', 'running')
    assert site.count('a')['count'] == '2', 'its rows are as they were committed'
    site.check_others()
    assert 'SIGSEGV' in site.node.read_log()


def test_a_plugin_that_crashes_again_and_again_is_quarantined(site):
    def once_more():
        state = site.node.instance('counter')['state']
        if state == 'running':
            site.misbehave('abort')
        return state == 'quarantined'
    until('it is quarantined', once_more, 60)
    message = site.node.instance('counter')['message']
    assert 'galvan ctl load counter' in message
    assert 'SIGABRT' in message
    with pytest.raises(Refused) as e:
        site.count('a', timeout=5)
    assert e.value.code == 'unavailable'
    site.check_others()
    site.node.ctl('load', 'counter')
    assert site.count('b')['count'] == '1'


def test_a_plugin_that_hangs_is_killed_and_restarted(site):
    site.misbehave('hang')
    until('it was restarted', lambda: site.node.instance('counter')['restarts'] >= 1, 60)
    site.node.wait_state('counter', 'running')
    assert site.count('a')['count'] == '1'
    site.check_others()


@pytest.mark.parametrize('key, sign', [('poison', 'cannot swallow poison'), ('deadly', 'SIGSEGV')])
def test_a_message_that_hurts_is_parked_listed_and_replayed_after_a_fix(site, key, sign):
    """Others of its kind go on; the message waits, with what was wrong; the fixed version takes it."""
    site.count('before')
    site.count(key)
    site.count('after')
    site.node.wait_log('then ReplayParked or DropParked', 60)
    parked = site.parked()
    assert len(parked) == 1
    assert parked[0]['kind'] == 'event'
    assert parked[0]['what'] == 'galvan.fixture.v1.Counted'
    assert parked[0]['key'] == key
    assert sign in parked[0]['error']

    def heard():
        return {row['key'][0] for row in site.node.rows('listener', 'heard')}
    until('the others are heard', lambda: heard() == {'before', 'after'})
    put(site.folder, 'listener', 'listener_fixed')
    site.node.ctl('reload', 'listener')
    site.node.call('galvan.kernel.v1.Plugin/ReplayParked', {'plugin': 'listener', 'id': parked[0]['id']})
    until('it is heard now', lambda: heard() == {'before', 'after', key})
    assert site.parked() == []
    site.check_others()


@pytest.mark.parametrize('liar, words', [
    ('liar_major', ['ABI', '1']), ('liar_minor', ['ABI', '1']), ('liar_magic', ['plugin']), ('liar_short', []),
    ('liar_constructor_crashes', ['SIGSEGV']), ('liar_constructor_exits', []), ('liar_wild_pointer', ['SIGSEGV']), ('liar_name', ['name']),
    ('nothing', ['gv_plugin']),
])
def test_a_file_that_lies_is_refused_and_the_old_version_stays(site, liar, words):
    assert site.count('a')['version'] == '1'
    path = put(site.folder, 'counter', liar)
    with pytest.raises(Refused) as e:
        site.node.ctl('reload', 'counter')
    assert path in e.value.text
    for word in words:
        assert word in e.value.text
    assert site.count('a')['count'] == '2'
    assert site.node.instance('counter')['restarts'] == 0
    done = subprocess.run([GALVAN, 'check', site.node.file], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert path in done.stderr
    site.check_others()


@pytest.mark.parametrize('variant, words', [
    ('counter_4_refuses', []), ('counter_5_crashes', ['SIGSEGV']), ('counter_7_bad_migration', []),
])
def test_a_version_that_does_not_start_gives_way_to_the_old_one(site, variant, words):
    site.count('a')
    put(site.folder, 'counter', variant)
    with pytest.raises(Refused) as e:
        site.node.ctl('reload', 'counter')
    for word in words:
        assert word in e.value.text
    answer = site.count('a')
    assert (answer['version'], answer['count']) == ('1', '2'), 'on untouched tables'
    assert [row['key'][0] for row in site.node.rows('counter', 'rows')] == ['a']
    site.check_others()


def test_a_new_version_migrates_its_tables(site):
    site.count('a')
    put(site.folder, 'counter', 'counter_3_migrates')
    site.node.ctl('reload', 'counter')
    answer = site.count('a')
    assert (answer['version'], answer['count']) == ('3', '2')
    put(site.folder, 'counter', 'counter_1')
    with pytest.raises(Refused) as e:
        site.node.ctl('reload', 'counter')
    assert 'version' in e.value.text, 'an older version cannot read the new tables'
    assert site.count('a')['count'] == '3'
    site.check_others()


def test_a_bad_config_is_refused_at_start_and_at_reload(run, folder, site):
    site.node.config['plugins']['counter']['config'] = {'level': 10}
    site.node.write_config()
    with pytest.raises(Refused) as e:
        site.node.ctl('reload', 'counter')
    assert site.node.file + ':' in e.value.text
    assert 'level' in e.value.text
    assert '9' in e.value.text
    assert site.count('a')['version'] == '1'
    done = subprocess.run([GALVAN, 'run', site.node.file, '--data', os.path.join(folder, 'other')], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 1
    assert 'level' in done.stderr
    assert 'ready' not in done.stdout.splitlines()


def test_a_second_node_on_the_same_data_is_refused(site):
    done = subprocess.run([GALVAN, 'run', site.node.file, '--data', site.node.data], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert site.node.data in done.stderr
    site.check_others()
