"""The command line: what it prints, how it refuses, its exit codes."""
import json
import os
import subprocess

import pytest

from galvan import GALVAN, ROOT, Refused, base_config, free_ports


def galvan(*args, **options):
    return subprocess.run([GALVAN, *args], capture_output=True, text=True, timeout=60, check=False, **options)


def test_wrong_usage_is_2():
    for args in (['ctl'], ['ctl', 'dance'], ['ctl', 'reload'], ['call'], ['check'], ['call', 'A/B', '{}', 'more'], ['ctl', 'status', '--colour'],
                 ['events', '--timeout', 'soon']):
        done = galvan(*args)
        assert done.returncode == 2, args
        assert done.stderr, args


def test_options_may_stand_before_the_command(cloud):
    assert 'node test' in galvan('--data', cloud.data, 'ctl', 'status').stdout
    assert 'node test' in galvan('--data=' + cloud.data, '--timeout', '5', 'ctl', 'status').stdout
    assert galvan('--data', cloud.data).returncode == 2


def test_an_unknown_command_is_told_in_one_line():
    done = galvan('describ')
    assert done.returncode == 2
    assert done.stderr == 'galvan: there is no command describ; did you mean describe?\n'
    assert galvan('juggle').stderr == 'galvan: there is no command juggle; `galvan --help` lists them\n'


@pytest.mark.parametrize('command', ['run', 'ctl', 'call', 'events', 'rows', 'describe', 'check'])
def test_each_command_has_its_help(command):
    for args in ([command, '--help'], ['--help', command]):
        done = galvan(*args)
        assert done.returncode == 0
        assert done.stdout.startswith('usage: galvan %s ' % command)
        assert 'galvan rows' not in done.stdout.splitlines()[0] or command == 'rows'


def test_no_node_is_3_and_says_where_it_looked(folder):
    for args in (['ctl', 'status'], ['call', 'x.Y/Z', '{}'], ['events'], ['describe']):
        done = galvan(*args, '--data', folder)
        assert done.returncode == 3
        assert folder in done.stderr
        assert '--data' in done.stderr
    assert galvan('ctl', 'status', '--node', 'tcp://127.0.0.1:1').returncode == 3
    assert galvan('ctl', 'status', '--node', 'gopher://x').returncode == 2


def test_the_data_folder_may_come_from_the_environment(cloud):
    done = galvan('ctl', 'status', env=dict(os.environ, GALVAN_DATA=cloud.data))
    assert done.returncode == 0
    assert 'node test' in done.stdout
    for plugin in ('link.0', 'registry.0', 'ocpp.0'):
        assert plugin in done.stdout


def test_status_and_plugins_as_json(cloud):
    status = cloud.status()
    assert status['node'] == 'test'
    assert status['ready'] is True
    assert {p['name'] for p in status['plugins']} == {'link', 'registry', 'ocpp'}
    assert all(p['state'] == 'running' and p['pid'] != '0' for p in status['plugins'])
    assert 'ocpp' in cloud.ctl('plugins')


def test_a_call_prints_one_line_of_json(cloud):
    done = cloud.cli('call', 'galvan.registry.v1.Registry/PutDevice', '{"device":{"id":"ocpp:CP001"}}')
    assert done.returncode == 0
    assert done.stderr == ''
    assert len(done.stdout.splitlines()) == 1
    device = json.loads(done.stdout)['device']
    assert device['id'] == 'ocpp:CP001'
    assert device['hasPassword'] is False, 'zero values are printed'
    assert isinstance(device['createdAtMs'], str), '64-bit integers are strings'


def test_a_short_name_will_do_where_only_one_fits(cloud):
    assert cloud.call('Registry/ListDevices') == {'devices': []}


@pytest.mark.parametrize('method, request_json, code, words', [
    ('galvan.registry.v1.Registry/GetDevice', '{"id":"ocpp:NONE"}', 'not_found', 'ocpp:NONE'),
    ('galvan.registry.v1.Registry/GetDevice', '{}', 'invalid_argument', 'id'),
    ('galvan.registry.v1.Registry/GetDevice', '{"ident":"x"}', 'invalid_argument', 'ident'),
    ('galvan.registry.v1.Registry/GetDevice', '{"id":7}', 'invalid_argument', 'id'),
    ('galvan.registry.v1.Registry/GetDevice', '{"id":', 'invalid_argument', ''),
    ('galvan.registry.v1.Registry/GetDevise', '{}', 'unimplemented', 'GetDevice'),
    ('galvan.nothing.v1.Nothing/Do', '{}', 'unimplemented', 'galvan describe'),
    ('galvan.charging.v1.Charging/GetSession', '{"id":"ocpp:CP001/none"}', 'not_found', 'ocpp:CP001'),
    ('galvan.charging.v1.Charging/Start', '{"device":"warp:1","connector":1,"token":"t"}', 'unavailable|not_found|unimplemented', 'warp'),
])
def test_a_refusal_is_1_with_its_code_and_what_is_wrong(cloud, method, request_json, code, words):
    done = cloud.cli('call', method, request_json)
    assert done.returncode == 1
    assert done.stdout == ''
    assert done.stderr.split(':')[0] in code.split('|'), done.stderr
    assert words in done.stderr


def test_a_station_that_is_not_connected_is_said_to_be(cloud):
    cloud.put_device('ocpp:CP001')
    with pytest.raises(Refused) as e:
        cloud.call('galvan.charging.v1.Charging/Start', {'device': 'ocpp:CP001', 'connector': 1, 'token': 't'})
    assert e.value.code == 'unavailable'
    assert 'CP001' in e.value.text


def test_many_requests_on_stdin_are_answered_in_order(cloud):
    """A refused one has its line too, so that answers and requests can be laid side by side."""
    requests = [{'device': {'id': 'ocpp:CP%04d' % i}} for i in range(1000)]
    requests[500] = {'device': {'id': 'no plugin'}}
    done = cloud.cli('call', 'galvan.registry.v1.Registry/PutDevice', '-', stdin='\n'.join(map(json.dumps, requests)))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 1000
    assert done.returncode == 1
    assert answers[500]['error']['code'] == 'invalid_argument'
    assert all(a['device']['id'] == r['device']['id'] for i, (a, r) in enumerate(zip(answers, requests)) if i != 500)
    listed = cloud.call('galvan.registry.v1.Registry/ListDevices', {'limit': 5000})['devices']
    assert len(listed) == 999


def test_rows_show_what_the_store_holds(cloud):
    cloud.put_device('ocpp:CP001', password='correct horse 12')
    rows = cloud.rows('registry', 'devices')
    assert [r['key'] for r in rows] == [['ocpp:CP001']]
    assert rows[0]['value']['device']['id'] == 'ocpp:CP001'
    assert 'devices' in cloud.cli('rows', 'registry').stdout


def test_describe_tells_services_events_and_config(cloud):
    text = cloud.cli('describe').stdout
    for wanted in ('galvan.charging.v1.Charging/Start', 'emits galvan.charging.v1.SessionEnded', 'heartbeat_s', 'in s', 'default 300',
                   'galvan.kernel.v1.Kernel/Reload', 'plugin registry'):
        assert wanted in text, wanted
    services = [line for line in text.splitlines() if line.startswith('  service ')]
    assert sorted(services) == sorted(set(services)), 'each is told once'
    whole = json.loads(cloud.cli('describe', '--json').stdout)
    ocpp = next(p for p in whole['plugins'] if p['name'] == 'ocpp')
    assert 'galvan.charging.v1.SessionStarted' in ocpp['emits']
    config = next(t for t in whole['types'] if t['name'] == ocpp['configType'])
    heartbeat = next(f for f in config['fields'] if f['protoName'] == 'heartbeat_s')
    assert (heartbeat['unit'], heartbeat['default']) == ('s', '300')
    assert 'heartbeat_s' in cloud.cli('describe', 'ocpp').stdout
    assert cloud.cli('describe', 'nonsense').returncode == 1


def test_events_of_an_unknown_type_are_refused_with_a_hint(cloud):
    done = cloud.cli('events', 'SessionStartet')
    assert done.returncode == 1
    assert 'galvan.charging.v1.SessionStarted' in done.stderr


def test_events_end_with_3_when_the_node_dies(cloud):
    events = cloud.events()
    cloud.kill()
    assert events._process.wait(30) == 3
    assert 'gone' in events._errors.wait(lambda line: 'gone' in line)


def test_stop_ends_the_node_with_0(cloud):
    cloud.ctl('stop')
    assert cloud.process.wait(30) == 0


def test_check_knows_what_a_plugin_says_only_in_its_start(folder):
    path = os.path.join(folder, 'c.yaml')
    for plugin, config, words in (('link', 'listen: [{}]', 'give exactly one of ws, http and tcp'),
                                  ('link', 'listen: [{ws: 9000}, {ws: 9000}]', 'port 9000 is that of listen[0] already'),
                                  ('link', 'listen: [{ws: 9000, listener: woshi}]', 'only a tcp port names a listener'),
                                  ('link', 'listen: [{ws: 9443, tls: {cert: /nowhere/x.pem, key: /nowhere/x.key}}]', 'cannot read /nowhere/x.pem'),
                                  ('ocpp', 'files_url: "127.0.0.1:9000"', 'files_url must say how chargers reach this node'),
                                  ('ocpp', 'files_url: "https:///files"', 'files_url must say how chargers reach this node'),
                                  ('ocpp', 'profiles: [{flag: [foo]}]', 'there is no quirk "foo", but wrong-type')):
        with open(path, 'w', encoding='utf-8') as f:
            f.write('plugins:\n  %s: {config: {%s}}\n' % (plugin, config))
        done = galvan('check', path)
        assert done.returncode == 1
        assert path + ':2:3: plugins.%s: it does not start: ' % plugin in done.stderr
        assert words in done.stderr


def test_check_needs_no_node_and_says_everything_at_once(folder):
    path = os.path.join(folder, 'c.yaml')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('node: {name: x}\nplugins:\n  link:\n    config:\n      listen:\n        - {ws: 70000}\n'
                '  ocpp: {config: {hartbeat_s: 3}}\n  nonsense: {}\n')
    done = galvan('check', path)
    assert done.returncode == 1
    for words in (path + ':6', '65535', path + ':7', 'hartbeat_s', 'heartbeat_s', 'nonsense'):
        assert words in done.stderr, words


def test_check_knows_what_a_setting_needs(folder):
    """local_ca takes the certificates of an authority: without one nobody would come in, and nothing would say why."""
    path = os.path.join(folder, 'c.yaml')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('plugins:\n  link:\n    config:\n      listen:\n        - {ws: 9443, tls: {cert: a, key: b, local_ca: true}}\n')
    done = galvan('check', path)
    assert done.returncode == 1
    assert path + ':5' in done.stderr and 'local_ca: needs the plugin pki, which this node has not' in done.stderr, done.stderr


@pytest.mark.parametrize('name', sorted(f for f in os.listdir(os.path.join(ROOT, 'config')) if f.endswith('.yaml')))
def test_the_shipped_configs_pass_the_check(name):
    env = dict(os.environ, GALVAN_CLOUD_URL='ws://127.0.0.1:9000/ocpp/', GALVAN_BLE_ROOT='00' * 32)
    done = galvan('check', os.path.join(ROOT, 'config', name), env=env)
    assert done.returncode == 0, done.stderr


def test_the_control_port_is_for_this_machine_only(run, folder):
    ws, control = free_ports(2)
    config = base_config(ws)
    config['node']['control'] = 'tcp://127.0.0.1:%d' % control
    node = run(config)
    assert 'node test' in galvan('ctl', 'status', '--node', 'tcp://127.0.0.1:%d' % control).stdout
    path = os.path.join(folder, 'c.yaml')
    config['node']['control'] = 'tcp://0.0.0.0:%d' % control
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(config, f)
    assert galvan('check', path).returncode == 1
    node.stop()
