"""Hot reload under load, and a reload that fails."""
import json
import os
import re
import shutil
import subprocess

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from galvan import GALVAN, PLUGINS, Refused
from loads import Load, check_all_answered_is_stored, put_devices


@pytest.mark.parametrize('connections', [1000])
def test_ten_reloads_under_a_thousand_busy_connections(cloud, run, connections):
    """0 connections dropped, 0 calls unanswered, 0 answered twice; what was answered is in the store."""
    put_devices(cloud, connections)
    load = Load(run, cloud, connections=connections, message='MeterValues', seconds=600)
    load.wait('measuring')
    for i in range(10):
        before = int(load.report()['answered'])
        cloud.ctl('reload', 'ocpp')
        load.wait_answers(before + connections)  # it serves again
    report = load.stop()
    assert report['droppedConnections'] == 0
    assert report['failedConnections'] == 0
    for wrong in ('unanswered', 'doubled', 'wrong', 'unexpected', 'errors'):
        assert report[wrong] == '0', (wrong, report['error'])
    assert report['sent'] == report['answered']
    assert check_all_answered_is_stored(cloud, report) == connections
    ocpp = cloud.instance('ocpp')
    assert ocpp['state'] == 'running'


def test_a_reload_of_another_plugin_leaves_connections_alone(cloud, any_station):
    cloud.put_device('ocpp:CP001')
    station = any_station()
    station.connect(cloud.ws, 'CP001')
    cloud.ctl('reload', 'registry')
    assert 'currentTime' in station.call('Heartbeat', {})
    assert cloud.call('galvan.registry.v1.Registry/GetDevice', {'id': 'ocpp:CP001'})['device']['id'] == 'ocpp:CP001'


def test_what_was_said_outlives_a_reload(cloud, any_station):
    """Also what is not written at once."""
    cloud.put_device('ocpp:CP001')
    station = any_station()
    station.connect(cloud.ws, 'CP001')
    for _ in range(3):
        station.call('Heartbeat', {})
    cloud.ctl('reload', 'ocpp')
    said = cloud.call('galvan.ocpp.v1.Ocpp/ListMessages', {'device': 'ocpp:CP001', 'action': 'Heartbeat'})['messages']
    assert [m['direction'] for m in said] == ['out', 'in'] * 3


def grants_that_check_asks_for(folder, config):
    """What the sentence says to write, as an operator would copy it."""
    path = os.path.join(folder, 'check.yaml')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(config, f)
    done = subprocess.run([GALVAN, 'check', path], capture_output=True, text=True, check=False)
    return re.search(r'grants: \[(.*?)\]', done.stderr).group(1).split(', ')


def test_a_file_that_is_no_plugin_leaves_the_old_version_at_work(run, folder, any_station):
    """The operator copied a broken file over the plugin: the reload says so, and nobody else notices."""
    from galvan import base_config, free_ports
    ws, = free_ports(1)
    mine = os.path.join(folder, 'ocpp.so')
    shutil.copy(os.path.join(PLUGINS, 'plugins', 'ocpp.so'), mine)
    config = base_config(ws)
    config['plugins']['ocpp'].update(path=mine)
    config['plugins']['ocpp']['grants'] = grants_that_check_asks_for(folder, config)
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.put_device('ocpp:CP001')
    station = any_station()
    station.connect(node.ws, 'CP001')
    station.call('Heartbeat', {})
    hash_before = node.instance('ocpp')['hash']
    with open(mine, 'r+b') as f:
        f.truncate(1000)
    with pytest.raises(Refused) as e:
        node.ctl('reload', 'ocpp')
    assert mine in e.value.text
    assert 'currentTime' in station.call('Heartbeat', {}), 'on the same connection'
    assert node.instance('ocpp')['hash'] == hash_before
    assert node.instance('ocpp')['restarts'] == 0


def test_a_config_that_is_wrong_refuses_the_reload_with_its_line(cloud):
    cloud.config['plugins']['ocpp']['config']['heartbeat_s'] = 'often'
    cloud.write_config()
    with pytest.raises(Refused) as e:
        cloud.ctl('reload', 'ocpp')
    assert cloud.file + ':' in e.value.text
    assert 'heartbeat_s' in e.value.text
    assert cloud.instance('ocpp')['state'] == 'running'
    cloud.config['plugins']['ocpp']['config']['heartbeat_s'] = 77
    cloud.write_config()
    cloud.ctl('reload', 'ocpp')


def test_unload_and_load(cloud, any_station):
    """What an unloaded plugin served is unavailable; loaded again it is as it was."""
    cloud.put_device('ocpp:CP001')
    cloud.ctl('unload', 'ocpp')
    assert cloud.instance('ocpp')['state'] == 'stopped'
    with pytest.raises(Refused) as e:
        cloud.call('galvan.charging.v1.Charging/ListSessions', {'device': 'ocpp:CP001'}, timeout=5)
    assert e.value.code in ('unavailable', 'unimplemented')
    cloud.ctl('load', 'ocpp')
    station = any_station()
    station.connect(cloud.ws, 'CP001')
    assert 'currentTime' in station.call('Heartbeat', {})


@pytest.mark.parametrize('how, code', [('reload', 1012), ('unload', 1001), ('stop', 1001)])
def test_a_close_says_whether_coming_back_soon_is_worth_it(cloud, how, code):
    """RFC 6455 and IANA's registry of close codes: 1012, the service restarts; 1001, it goes away."""
    cloud.put_device('ocpp:CP001')
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6']) as ws:
        ws.send('[2,"h","Heartbeat",{}]')
        ws.recv(timeout=10)
        if how == 'stop':
            assert cloud.stop() == 0
        else:
            cloud.ctl(how, 'link')
        with pytest.raises(ConnectionClosed) as e:
            ws.recv(timeout=10)
        assert e.value.rcvd.code == code


def test_names_that_are_wrong(cloud):
    for verb in ('reload', 'unload', 'load'):
        with pytest.raises(Refused) as e:
            cloud.ctl(verb, 'ocppp')
        assert 'ocppp' in e.value.text
