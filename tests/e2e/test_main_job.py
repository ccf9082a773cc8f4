"""A first real charge, by clients that are not ours; then the same with kill -9 of the whole node at every step."""
import pytest

from galvan import base_config, free_ports
from session import STOP_TIME, Session, utc_ms


def test_a_session_from_remote_start_to_stop(cloud, station):
    """Each step is on record and was seen by a follower when it happened."""
    cloud.put_device('ocpp:CP001')
    session = Session(cloud, station)
    events = cloud.events('ConnectorStatusChanged', 'SessionStarted', 'SessionMetered', 'SessionEnded')

    session.connect()
    session.boot()
    session.available()
    seen = events.wait('ConnectorStatusChanged', lambda e: e['event']['status']['connector'] == 1)
    assert seen['event']['status']['status'] == 'Available'
    assert seen['key'] == 'ocpp:CP001'
    assert seen['instance'] == 'ocpp.0'

    session.remote_start()
    session.start_transaction()
    started = events.wait('SessionStarted')['event']['session']
    assert started['requestId'] == session.request_id
    assert started['token'] == 'remote-11902'

    session.charging()
    session.meter()
    metered = events.wait('SessionMetered')['event']
    assert metered['sessionId'] == started['id']
    assert {s['measurand'] for s in metered['samples']} == {'Voltage', 'Current.Import', 'Power.Active.Import', 'Current.Offered'}

    session.remote_stop()
    session.stop_transaction()
    ended = events.wait('SessionEnded')['event']['session']
    assert ended['id'] == started['id']
    assert ended['energyWh'] == '6379'
    assert ended['reason'] == 'EVDisconnected'
    session.finished()
    checked = session.check()
    assert checked['requestId'] == session.request_id
    events.close()


def test_a_time_without_zone_is_the_sites(cloud, station):
    """The station's clock shows the site's time: twenty to three in New York is twenty to eight, UTC."""
    cloud.call('galvan.registry.v1.Registry/PutSite', {'site': {'id': 'depot', 'timeZone': 'America/New_York'}})
    cloud.put_device('ocpp:CP001', site='depot')
    session = Session(cloud, station)
    for step in Session.STEPS:
        session.do(step)
    session.check(stop_ms=utc_ms(STOP_TIME + '-05:00'))


@pytest.mark.parametrize('before', Session.STEPS[1:] + ['the end'])
def test_kill_9_between_two_messages_loses_nothing(cloud, station, before):
    """Whatever was answered before the crash is there after it."""
    cloud.put_device('ocpp:CP001')
    session = Session(cloud, station)
    for step in Session.STEPS:
        if step == before:
            cloud.restart()
            session.reconnect()
        session.do(step)
    if before == 'the end':
        cloud.restart()
    session.check()


@pytest.mark.parametrize('delay_ms', [0, 12])
@pytest.mark.parametrize('during', Session.STEPS[1:])
def test_kill_9_during_a_message_has_one_effect(cloud, station, during, delay_ms):
    """A request that was under way when the node died is repeated by whoever sent it: one session, each sample once, the same id."""
    cloud.put_device('ocpp:CP001')
    session = Session(cloud, station)
    for step in Session.STEPS:
        if step == during:
            session.do_while_killing(step, delay_ms / 1000)
        else:
            session.do(step)
    session.check()


def test_a_lost_answer_to_start_transaction_gives_the_same_id(cloud, station):
    """The answer was sent, the node died, the station never saw it and asks again: the natural key finds the session."""
    cloud.put_device('ocpp:CP001')
    session = Session(cloud, station)
    for step in Session.STEPS[:5]:
        session.do(step)
    cloud.restart()
    session.reconnect()
    session.start_transaction()  # asserts the same id
    for step in Session.STEPS[5:]:
        session.do(step)
    session.check()


@pytest.mark.parametrize('shape', ['threads', 'two instances of ocpp'])
def test_the_shape_of_the_node_changes_nothing(run, any_station, shape):
    """Plugins as threads of one process, or ocpp twice: the same session, on the same contracts."""
    ws, = free_ports(1)
    config = base_config(ws)
    if shape == 'threads':
        for plugin in config['plugins'].values():
            plugin['isolation'] = 'thread'
    else:
        config['plugins']['ocpp']['instances'] = 2
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    for identity in ('CP001', 'CP002', 'CP003'):
        node.put_device('ocpp:' + identity)
        session = Session(node, any_station(), identity)
        for step in Session.STEPS:
            session.do(step)
        session.check()
    assert len(node.call('galvan.charging.v1.Charging/ListSessions')['sessions']) == 3, 'of all devices, from all instances'
    node.restart()
    assert len(node.call('galvan.charging.v1.Charging/ListSessions')['sessions']) == 3
