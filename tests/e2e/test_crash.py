"""kill -9 under load: of one plugin's process, and of the whole node."""
import os
import signal

from galvan import until
from loads import Load, check_all_answered_is_stored, put_devices


def test_kill_9_of_ocpp_under_load(cloud, run):
    """Other plugins and every open socket live on; it is back; every call is answered once, and what was answered is in the store."""
    connections = 300
    put_devices(cloud, connections)
    load = Load(run, cloud, connections=connections, message='MeterValues', seconds=600)
    load.wait('measuring')
    others = {name: cloud.instance(name)['pid'] for name in ('link', 'registry')}
    for crash in range(3):
        before = int(load.report()['answered'])
        os.kill(int(cloud.instance('ocpp')['pid']), signal.SIGKILL)
        until('it was restarted', lambda: cloud.instance('ocpp')['restarts'] > crash and cloud.instance('ocpp')['state'] == 'running')
        load.wait_answers(before + 2 * connections)
    report = load.stop()
    assert {name: cloud.instance(name)['pid'] for name in others} == others
    assert report['droppedConnections'] == 0
    for wrong in ('unanswered', 'doubled', 'wrong', 'unexpected'):
        assert report[wrong] == '0', (wrong, report['error'])
    assert check_all_answered_is_stored(cloud, report) == connections
    assert cloud.call('galvan.kernel.v1.Plugin/ListParked', {'plugin': 'ocpp'})['parked'] == []


def test_kill_9_of_link_under_load(cloud, run):
    """Sockets die with the process that holds them; the stations come back, repeat what was not answered, and nothing is counted twice."""
    connections = 100
    put_devices(cloud, connections)
    load = Load(run, cloud, connections=connections, message='MeterValues', seconds=600, reconnect=True)
    load.wait('measuring')
    before = int(load.report()['answered'])
    os.kill(int(cloud.instance('link')['pid']), signal.SIGKILL)
    load.wait_answers(before + 5 * connections)
    report = load.stop()
    for wrong in ('doubled', 'wrong', 'unexpected'):
        assert report[wrong] == '0', (wrong, report['error'])
    assert check_all_answered_is_stored(cloud, report) == connections


def test_kill_9_of_the_node_under_load(cloud, run):
    """Nothing that was answered is lost, whatever was under way."""
    connections = 200
    put_devices(cloud, connections)
    load = Load(run, cloud, connections=connections, message='MeterValues', seconds=600, reconnect=True)
    load.wait('measuring')
    for _ in range(2):
        before = int(load.report()['answered'])
        cloud.restart()
        load.wait_answers(before + 5 * connections)
    report = load.stop()
    for wrong in ('doubled', 'wrong', 'unexpected'):
        assert report[wrong] == '0', (wrong, report['error'])
    assert check_all_answered_is_stored(cloud, report) == connections
