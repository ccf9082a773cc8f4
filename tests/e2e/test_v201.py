"""OCPP 2.0.1 by clients that are not ours: a session from afar, messages that come late or twice, kill -9 between any two, and two versions on
one port."""
import pytest

from billing import available, start_paid_node, until, until_charges, verify
from galvan import base_config, free_ports
from session import Session, SessionV201, sampled
from stations import PyOcpp


def test_a_session_from_remote_start_to_stop(cloud, station_v201):
    cloud.put_device('ocpp:CP001')
    session = SessionV201(cloud, station_v201)
    events = cloud.events('ConnectorStatusChanged', 'SessionStarted', 'SessionMetered', 'SessionEnded')
    for step in Session.STEPS[:3]:
        session.do(step)
    assert events.wait('ConnectorStatusChanged')['event']['status']['status'] == 'Available'
    session.remote_start()
    session.start_transaction()
    started = events.wait('SessionStarted')['event']['session']
    assert started['requestId'] == session.request_id
    assert started['token'] == 'remote-11902'
    session.charging()
    events.wait('ConnectorStatusChanged', lambda e: e['event']['status']['status'] == 'Charging')
    session.meter()
    metered = events.wait('SessionMetered', lambda e: len(e['event']['samples']) == 4)['event']
    assert metered['sessionId'] == started['id']
    session.remote_stop()
    session.stop_transaction()
    assert events.wait('SessionEnded')['event']['session']['energyWh'] == '6379'
    session.finished()
    checked = session.check()
    assert checked['requestId'] == session.request_id
    assert checked['flags'] == []
    connector, = cloud.call('galvan.charging.v1.Charging/ListConnectors', {'device': session.device})['connectors']
    assert connector['status'] == 'Available'
    assert [p['status'] for p in connector['plugs']] == ['Available']
    events.close()


def test_messages_that_come_late_and_twice_make_the_same_session(cloud, station_v201):
    """The station was offline: its queue is emptied while new messages overtake it, and answers are lost."""
    cloud.put_device('ocpp:CP001')
    session = SessionV201(cloud, station_v201)
    for step in ['connect', 'boot', 'available', 'remote_start', 'meter', 'stop_transaction', 'charging', 'meter', 'start_transaction',
                 'start_transaction', 'finished']:
        session.do(step)
    checked = session.check()
    assert checked['requestId'] == session.request_id
    assert 'incomplete' not in checked['flags']


@pytest.mark.parametrize('before', ['start_transaction', 'charging', 'meter', 'stop_transaction', 'the end'])
def test_kill_9_between_two_messages_loses_nothing(cloud, before):
    cloud.put_device('ocpp:CP001')
    station = PyOcpp('ocpp2.0.1')
    session = SessionV201(cloud, station)
    for step in Session.STEPS + ['the end']:
        if step == before:
            cloud.kill()
            cloud.start()
            session.reconnect()
        if step != 'the end':
            session.do(step)
    session.check()
    station.close()


def test_any_action_reaches_a_station(cloud, station_v201):
    cloud.put_device('ocpp:CP001')
    session = SessionV201(cloud, station_v201)
    session.connect()
    session.boot()
    found = {'attributeStatus': 'Accepted', 'attributeValue': '60', 'component': {'name': 'OCPPCommCtrlr'},
             'variable': {'name': 'HeartbeatInterval'}}
    station_v201.answer('GetVariables', {'getVariableResult': [found]})
    asked = {'getVariableData': [{'component': {'name': 'OCPPCommCtrlr'}, 'variable': {'name': 'HeartbeatInterval'}}]}
    answer = cloud.call('galvan.ocpp.v1.Ocpp/Call', {'device': session.device, 'action': 'GetVariables', 'payload': asked})
    assert answer['payload'] == {'getVariableResult': [found]}
    assert station_v201.asked('GetVariables') == asked
    station_v201.answer('Reset', {'status': 'Scheduled'})
    assert cloud.call('galvan.charging.v1.Charging/Reset', {'device': session.device})['status'] == 'Scheduled'
    assert station_v201.asked('Reset') == {'type': 'OnIdle'}
    station_v201.answer('UnlockConnector', {'status': 'Unlocked'})
    assert cloud.call('galvan.charging.v1.Charging/Unlock', {'device': session.device, 'connector': 1})['status'] == 'Unlocked'
    assert station_v201.asked('UnlockConnector') == {'evseId': 1, 'connectorId': 1}


def test_two_versions_share_a_port(cloud, any_station):
    """A station that comes back in another version: what it began in the first is still there, and not mixed up with the second."""
    cloud.put_device('ocpp:CP001')
    old = Session(cloud, any_station())
    for step in Session.STEPS[:7]:
        old.do(step)
    station = PyOcpp('ocpp2.0.1')
    new = SessionV201(cloud, station)
    new.connect()
    new.boot()
    shown, = cloud.call('galvan.ocpp.v1.Ocpp/ListStations', {'device': new.device})['stations']
    assert shown['version'] == 'OCPP 2.0.1'
    session = new.session()
    assert session['state'] == 'ACTIVE'
    assert session['transactionId'] == str(old.transaction)
    new.start_number = 1
    new.start_transaction()
    first, second = sorted(cloud.sessions(new.device), key=lambda s: int(s['id'].split('/')[1]))
    assert (first['transactionId'], first['state']) == (str(old.transaction), 'ENDED'), 'another began on its connector'
    assert 'no-stop' in first['flags']
    assert (second['transactionId'], second['state']) == (new.transaction, 'ACTIVE')
    station.close()


def test_what_a_meter_shows_outside_of_sessions_can_be_asked_for(cloud, any_station):
    """Of either version, by connector (0: the main meter) and time."""
    old, new = any_station(), PyOcpp('ocpp2.0.1')
    for identity, station in (('CP001', old), ('CP002', new)):
        cloud.put_device('ocpp:' + identity)
        station.connect(cloud.ws, identity)

    def readings(device, **more):
        return [(s['timeMs'], s['value']) for s in cloud.call('galvan.ocpp.v1.Ocpp/ListReadings', dict(device=device, **more))['samples']]

    for second, value in ((1, 1200), (2, 1300)):
        time = '2026-01-15T02:00:0%d.000Z' % second
        old.call('MeterValues', {'connectorId': 0, 'meterValue': [{'timestamp': time, 'sampledValue': [{'value': str(value)}]}]})
        new.call('MeterValues', {'evseId': 1, 'meterValue': [{'timestamp': time, 'sampledValue': [{'value': value}]}]})
    both = [('1768442402000', 1300), ('1768442401000', 1200)]
    assert readings('ocpp:CP001') == both
    assert readings('ocpp:CP002', connector=1) == both
    assert readings('ocpp:CP002') == []
    assert readings('ocpp:CP001', fromMs='1768442402000') == both[:1]
    new.close()


def test_a_card_that_comes_behind_the_plug_pays_and_a_plug_alone_does_not(run):
    """A transaction begins when a car is plugged in; whose it is, is known later, or never. The charger's display shows what it has cost."""
    node = start_paid_node(run)
    node.bill('PutToken', {'token': {'id': 'CARD-1', 'ownPurse': True}})
    node.bill('TopUp', {'id': 'top-1', 'token': 'CARD-1', 'amount': 2000, 'provider': 'desk', 'desk': 'main'})
    station = PyOcpp('ocpp2.0.1')
    session = SessionV201(node, station)
    session.connect()
    session.boot()
    card = {'idToken': 'CARD-1', 'type': 'ISO14443'}

    def has(variable, value):
        return {'component': {'name': 'TariffCostCtrlr'}, 'variable': {'name': variable, 'instance': 'Cost'}, 'variableAttribute': [{'value': value}]}

    station.answer('CostUpdated', {})
    station.call('NotifyReport', {'requestId': 1, 'generatedAt': '2025-01-15T01:00:00Z', 'seqNo': 0, 'tbc': False,
                                  'reportData': [has('Available', 'true'), has('Enabled', 'true')]})

    def register(wh, time, context):
        return [{'timestamp': time, 'sampledValue': sampled(context, ('Energy.Active.Import.Register', wh, 'Wh'))}]

    def plug_in(name):
        session.transaction = name
        assert session.event('Started', 0, '2025-01-15T02:00:00Z', 'CablePluggedIn', {'chargingState': 'EVConnected'}, evse={'id': 1}) == {}

    def charge_with_card():
        session.event('Updated', 1, '2025-01-15T02:01:00Z', 'Authorized', idToken=card,
                      meterValue=register(0, '2025-01-15T02:01:00Z', 'Transaction.Begin'))
        until('the card is held', lambda: int(node.bill('GetAccount', {'id': 'card:CARD-1'})['account']['debitsPending']) > 0)
        assert station.asked('CostUpdated')['transactionId'] == session.transaction, 'what it has cost so far'
        return session.event('Ended', 2, '2025-01-15T02:41:00Z', 'EVDeparted', meterValue=register(6379, '2025-01-15T02:41:00Z', 'Transaction.End'))

    until('ocpp knows that the card has money', lambda: station.call('Authorize', {'idToken': card})['idTokenInfo']['status'] == 'Accepted')
    plug_in('first')
    assert charge_with_card()['totalCost'] == 3.66, 'the answer waits for the price'
    charge, = until_charges(node, 1)
    assert (charge['token'], charge['price']['incl']) == ('CARD-1', '366')
    plug_in('nobody')
    session.event('Ended', 1, '2025-01-15T03:00:00Z', 'EVDeparted')
    plug_in('second')
    charge_with_card()
    assert [c['token'] for c in until_charges(node, 2)] == ['CARD-1', 'CARD-1'], 'nobody pays for a car that only stood there'
    assert available(node, 'card:CARD-1') == 2000 - 2 * 366
    verify(node)
    station.close()


def test_a_simulated_charger_breaks_no_rule(run):
    """Its customers come and go, and one is started from afar: nothing that it says needs leniency."""
    ws, = free_ports(1)
    node = run(base_config(ws, sim={'config': {'fleets': [{
        'name': 'new', 'version': '2.0.1', 'url': 'ws://127.0.0.1:%d/ocpp/' % ws, 'prefix': 'NEW-', 'connectors': 2,
        'pattern': {'energy_wh': 50, 'power_w': 22000, 'meter_interval_s': 1, 'speed': 10}}]}}))
    device = 'ocpp:NEW-0001'
    events = node.events('StationBooted', 'SessionStarted', 'SessionMetered', 'SessionEnded')
    node.put_device(device)
    events.wait('StationBooted')
    answer = node.call('galvan.charging.v1.Charging/Start', {'device': device, 'connector': 2, 'token': 'CARD-1'})
    started = events.wait('SessionStarted')['event']['session']
    assert (started['requestId'], started['token'], started['connector']) == (answer['requestId'], 'CARD-1', 2)
    events.wait('SessionMetered')
    node.call('galvan.charging.v1.Charging/Stop', {'sessionId': started['id']})
    ended = events.wait('SessionEnded')['event']['session']
    assert ended['id'] == started['id']
    assert ended['flags'] == []
    assert int(ended['energyWh']) == int(ended['meterStopWh']) - int(ended['meterStartWh'])
    shown, = node.call('galvan.ocpp.v1.Ocpp/ListStations', {'device': device})['stations']
    assert (shown['version'], shown['quirks']) == ('OCPP 2.0.1', [])
    events.close()
