"""OCPP 1.6 over SOAP with a station of somebody else's making, Java-OCA-OCPP's SOAPClient: it has its own ideas of namespaces, of WS-Addressing
and of time, and it takes an answer for its own only if it is addressed to it."""
import pytest

from galvan import base_config, free_ports
from session import PROFILE
from stations import JavaSoap

CALL = 'galvan.ocpp.v1.Ocpp/Call'
DEVICE = 'ocpp:CP001'


@pytest.fixture
def abroad(run):
    """A cloud, and the station, which has been told where it is."""
    ws, callback = free_ports(2)
    config = base_config(ws)
    config['plugins']['ocpp']['config'].update(soap_private_addresses=True, tags=[{'id': 'CARD-1'}], local_list='off')
    node = run(config)
    node.put_device(DEVICE)
    station = JavaSoap()
    station.connect('http://127.0.0.1:%d/ocpp/soap' % ws, 'CP001', 'http://127.0.0.1:%d/cp' % callback)
    yield node, station
    station.close()


def sample(value, context):
    return {'timestamp': '2026-11-21T04:10:05.120Z', 'sampledValue': [
        {'value': str(value), 'measurand': 'Energy.Active.Import.Register', 'unit': 'Wh', 'context': context}]}


def holds(got, wanted):
    """Its model adds what it makes of absent fields."""
    if isinstance(wanted, dict):
        return isinstance(got, dict) and all(k in got and holds(got[k], v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(holds, got, wanted))
    return got == wanted


ASKED = {  # the payload of each operation, and the answer
    'UnlockConnector': ({'connectorId': 1}, {'status': 'Unlocked'}),
    'Reset': ({'type': 'Soft'}, {'status': 'Accepted'}),
    'ChangeAvailability': ({'connectorId': 0, 'type': 'Inoperative'}, {'status': 'Scheduled'}),
    'GetDiagnostics': ({'location': 'ftp://a/b?c&d', 'startTime': '2026-11-21T04:00:30Z', 'retries': 2}, {'fileName': 'x.log'}),
    'ClearCache': ({}, {'status': 'Accepted'}),
    'ChangeConfiguration': ({'key': 'HeartbeatInterval', 'value': '60'}, {'status': 'RebootRequired'}),
    'RemoteStartTransaction': ({'idTag': 'T', 'connectorId': 1, 'chargingProfile': PROFILE}, {'status': 'Accepted'}),
    'RemoteStopTransaction': ({'transactionId': 7}, {'status': 'Rejected'}),
    'DataTransfer': ({'vendorId': 'v', 'messageId': 'm', 'data': '{"a":"<b>"}'}, {'status': 'Accepted', 'data': 'y & z'}),
    'GetConfiguration': ({'key': ['A', 'B']}, {'configurationKey': [{'key': 'A', 'readonly': False, 'value': '1'}], 'unknownKey': ['B']}),
    'ClearChargingProfile': ({'id': 1, 'stackLevel': 0}, {'status': 'Unknown'}),
    'SetChargingProfile': ({'connectorId': 1, 'csChargingProfiles': PROFILE}, {'status': 'Accepted'}),
    'TriggerMessage': ({'requestedMessage': 'Heartbeat'}, {'status': 'Accepted'}),
}
FAILS = {  # what it can read or write no XML of: the error that it answers, or what is made of an answer that is none
    'UpdateFirmware': ({'location': 'http://a/b', 'retrieveDate': '2026-11-21T04:00:30Z'}, 'FormationViolation'),
    'ReserveNow': ({'connectorId': 1, 'expiryDate': '2026-11-21T04:00:30Z', 'idTag': 'T', 'reservationId': 9}, 'OccurenceConstraintViolation'),
    'GetLocalListVersion': ({}, 'GenericError'),
}


def test_a_whole_session_of_a_foreign_soap_station(abroad):
    node, station = abroad
    boot = station.call('BootNotification', {'chargePointVendor': 'Elsewhere', 'chargePointModel': 'Two'})
    assert (boot['status'], boot['interval']) == ('Accepted', 300)
    station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Available'})
    assert station.call('Authorize', {'idTag': 'CARD-1'})['idTagInfo']['status'] == 'Accepted'

    station.answer('RemoteStartTransaction', {'status': 'Accepted'})
    asked = node.call('galvan.charging.v1.Charging/Start', {'device': DEVICE, 'connector': 1, 'token': 'remote-1', 'chargingProfile': PROFILE})
    got = station.asked('RemoteStartTransaction')
    assert holds(got, {'connectorId': 1, 'idTag': 'remote-1', 'chargingProfile': PROFILE}), got
    started = station.call('StartTransaction', {
        'connectorId': 1, 'idTag': 'remote-1', 'meterStart': 1000, 'timestamp': '2026-11-21T04:00:00Z'})  # which it writes without seconds
    assert started['idTagInfo']['status'] == 'Accepted'
    transaction = started['transactionId']
    station.call('MeterValues', {'connectorId': 1, 'transactionId': transaction, 'meterValue': [sample(2500, 'Sample.Periodic')]})
    session, = node.sessions(DEVICE)
    assert (session['requestId'], session['state']) == (asked['requestId'], 'ACTIVE')
    station.answer('RemoteStopTransaction', {'status': 'Accepted'})
    node.call('galvan.charging.v1.Charging/Stop', {'sessionId': session['id']})
    assert station.asked('RemoteStopTransaction') == {'transactionId': transaction}
    station.call('StopTransaction', {'transactionId': transaction, 'idTag': 'remote-1', 'meterStop': 4200, 'reason': 'Remote',
                                     'timestamp': '2026-11-21T05:00:00Z', 'transactionData': [sample(4200, 'Transaction.End')]})
    ended = node.call('galvan.charging.v1.Charging/GetSession', {'id': session['id']})['session']
    assert (ended['state'], ended['energyWh'], ended['reason'], ended['flags']) == ('ENDED', '3200', 'Remote', [])
    assert ended['startedAtMs'] == '1795233600000'
    assert [s['value'] for s in ended['samples']] == [2500, 4200]

    for operation, (payload, answer) in ASKED.items():
        station.answer(operation, answer)
        got = node.call(CALL, {'device': DEVICE, 'action': operation, 'payload': payload})
        assert got['payload'] == answer, (operation, got)
        got = station.asked(operation)
        assert holds(got, payload), (operation, got)
    for operation, (payload, code) in FAILS.items():
        station.answer(operation, {'status': 'Accepted', 'listVersion': 1})
        assert node.call(CALL, {'device': DEVICE, 'action': operation, 'payload': payload})['error']['code'] == code, operation
    quirks = node.call('galvan.ocpp.v1.Ocpp/ListStations', {'device': DEVICE})['stations'][0]['quirks']
    assert quirks == ['old-addressing', 'other-service'], 'and it is shown how it differs'
