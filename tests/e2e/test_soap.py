"""OCPP 1.5 and 1.6 over SOAP: stations that are built from the standard's field tables charge, are commanded, and are kept out."""
import json
import os
import signal
import threading
import time
import xml.etree.ElementTree as ET

import pytest

from galvan import PATIENCE_S, Refused, base_config, free_ports, until
from soap_stations import COMMANDS, Fault, SoapStation

CALL = 'galvan.ocpp.v1.Ocpp/Call'
BOOT = {'chargePointVendor': 'Elsewhere', 'chargePointModel': 'Two', 'chargePointSerialNumber': 'S-1', 'iccid': ''}
START = {'connectorId': 1, 'idTag': 'CARD-1', 'timestamp': '2026-11-21T04:00:00Z', 'meterStart': 1000}


def soap_config(ws, **more):
    config = base_config(ws)
    config['plugins']['ocpp']['config'].update(dict({
        'soap_private_addresses': True, 'tags': [{'id': 'CARD-1'}], 'local_list': 'off'}, **more))
    return config


@pytest.fixture
def soap_cloud(run):
    """A cloud that may call stations on this machine."""
    ws, = free_ports(1)
    node = run(soap_config(ws))
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.ws_port = ws
    return node


@pytest.fixture
def stations():
    made = []

    def make(port, identity, version='1.6', serve=True):
        made.append(SoapStation(port, identity, version))
        return made[-1].serve() if serve else made[-1]
    yield make
    for station in made:
        station.close()


def meter_value(version, value):
    sample = {'value': str(value), 'measurand': 'Energy.Active.Import.Register', 'unit': 'Wh', 'context': 'Sample.Periodic'}
    voltage = {'value': '231.5', 'measurand': 'Voltage', 'unit': 'Volt' if version == '1.5' else 'V'}
    return {'timestamp': '2026-11-21T04:10:00Z', 'value' if version == '1.5' else 'sampledValue': [sample, voltage]}


@pytest.mark.parametrize('version', ['1.5', '1.6'])
def test_a_whole_session(soap_cloud, stations, version):
    """From boot to stop, as over WebSocket: the same rows, the same energy."""
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001', version)
    events = soap_cloud.events('ConnectorStatusChanged', 'SessionStarted', 'SessionEnded', 'StationBooted')

    booted = station.call('BootNotification', BOOT)
    assert booted['status'] == 'Accepted'
    assert booted['heartbeatInterval' if version == '1.5' else 'interval'] == 300
    assert events.wait('StationBooted')['event']['station']['vendor'] == 'Elsewhere'
    assert station.call('Heartbeat', {})['currentTime'].endswith('Z')
    station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Available'})
    assert events.wait('ConnectorStatusChanged')['event']['status']['status'] == 'Available'
    assert station.call('Authorize', {'idTag': 'CARD-1'})['idTagInfo']['status'] == 'Accepted'

    started = station.call('StartTransaction', START)
    assert started['idTagInfo']['status'] == 'Accepted'
    assert events.wait('SessionStarted')['event']['session']['token'] == 'CARD-1'
    values = [meter_value(version, 2500)]
    assert station.call('MeterValues', {'connectorId': 1, 'transactionId': started['transactionId'],
                                        'values' if version == '1.5' else 'meterValue': values}) == {}
    data = [meter_value(version, 4000)]
    station.call('StopTransaction', {'transactionId': started['transactionId'], 'idTag': 'CARD-1', 'timestamp': '2026-11-21T05:00:00Z',
                                     'meterStop': 4200, 'transactionData': [{'values': data}] if version == '1.5' else data})
    assert events.wait('SessionEnded')['event']['session']['energyWh'] == '3200'
    session, = soap_cloud.sessions('ocpp:CP001')
    samples = soap_cloud.call('galvan.charging.v1.Charging/GetSession', {'id': session['id']})['session']['samples']
    assert [(s['measurand'], s['value'], s['unit']) for s in samples if s['measurand'] == 'Voltage'] == [('Voltage', 231.5, 'V')] * 1
    assert {s['value'] for s in samples if s['measurand'] != 'Voltage'} == {2500, 4000}
    events.close()


@pytest.mark.parametrize('version', ['1.5', '1.6'])
def test_the_rest_of_what_stations_call(soap_cloud, stations, version):
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001', version)
    events = soap_cloud.events('StationNotified')
    assert station.call('FirmwareStatusNotification', {'status': 'Downloaded'}) == {}
    assert events.wait('StationNotified')['event']['status'] == 'Downloaded'
    assert station.call('DiagnosticsStatusNotification', {'status': 'Uploaded'}) == {}
    assert events.wait('StationNotified')['event']['action'] == 'DiagnosticsStatusNotification'
    assert station.call('DataTransfer', {'vendorId': 'nobody', 'data': '<&>'}) == {'status': 'UnknownVendorId'}
    events.close()


PROFILE = {'chargingProfileId': 1, 'stackLevel': 0, 'chargingProfilePurpose': 'TxProfile', 'chargingProfileKind': 'Relative',
           'chargingSchedule': {'chargingRateUnit': 'A', 'chargingSchedulePeriod': [{'startPeriod': 0, 'limit': 16.5}]}}
ASKED = {  # the payload of every operation, and the answer
    'UnlockConnector': ({'connectorId': 1}, {'status': 'Unlocked'}),
    'Reset': ({'type': 'Soft'}, {'status': 'Accepted'}),
    'ChangeAvailability': ({'connectorId': 0, 'type': 'Inoperative'}, {'status': 'Scheduled'}),
    'GetDiagnostics': ({'location': 'ftp://a/b?c&d', 'startTime': '2026-11-21T04:00:00Z', 'retries': 2}, {'fileName': 'x.log'}),
    'ClearCache': ({}, {'status': 'Accepted'}),
    'UpdateFirmware': ({'location': 'http://a/b', 'retrieveDate': '2026-11-21T04:00:00Z', 'retryInterval': 5}, {}),
    'ChangeConfiguration': ({'key': 'HeartbeatInterval', 'value': '60'}, {'status': 'Accepted'}),
    'RemoteStartTransaction': ({'idTag': 'T', 'connectorId': 1}, {'status': 'Accepted'}),
    'RemoteStopTransaction': ({'transactionId': 7}, {'status': 'Rejected'}),
    'CancelReservation': ({'reservationId': 3}, {'status': 'Accepted'}),
    'DataTransfer': ({'vendorId': 'v', 'messageId': 'm', 'data': '{"a":"<b>"}'}, {'status': 'Accepted', 'data': 'y & z'}),
    'GetConfiguration': ({'key': ['A', 'B']}, {'configurationKey': [{'key': 'A', 'readonly': False, 'value': '1'}], 'unknownKey': ['B']}),
    'GetLocalListVersion': ({}, {'listVersion': 4}),
    'ReserveNow': ({'connectorId': 1, 'expiryDate': '2026-11-21T04:00:00Z', 'idTag': 'T', 'reservationId': 9}, {'status': 'Occupied'}),
    'SendLocalList': ({'listVersion': 5, 'updateType': 'Full', 'localAuthorizationList': [
        {'idTag': 'T', 'idTagInfo': {'status': 'Accepted', 'expiryDate': '2026-11-21T04:00:00Z'}}, {'idTag': 'U'}]}, {'status': 'Accepted'}),
}
ASKED_16 = {
    'ClearChargingProfile': ({'id': 1, 'stackLevel': 0}, {'status': 'Unknown'}),
    'GetCompositeSchedule': ({'connectorId': 1, 'duration': 60}, {
        'status': 'Accepted', 'connectorId': 1, 'scheduleStart': '2026-11-21T04:00:00Z', 'chargingSchedule': PROFILE['chargingSchedule']}),
    'SetChargingProfile': ({'connectorId': 1, 'csChargingProfiles': PROFILE}, {'status': 'Accepted'}),
    'TriggerMessage': ({'requestedMessage': 'Heartbeat'}, {'status': 'Accepted'}),
    'RemoteStartTransaction': ({'idTag': 'T', 'connectorId': 1, 'chargingProfile': PROFILE}, {'status': 'Accepted'}),
}
ASKED_15 = {
    'UnlockConnector': ({'connectorId': 1}, {'status': 'Accepted'}),
    'SendLocalList': ({'updateType': 'Differential', 'listVersion': 5, 'localAuthorisationList': [{'idTag': 'T'}], 'hash': 'h'},
                      {'status': 'HashError'}),
}


@pytest.mark.parametrize('version', ['1.5', '1.6'])
def test_every_command(soap_cloud, stations, version):
    """Whatever a central system may ask goes out in the standard's order and comes back as the station said it."""
    asked = {**ASKED, **(ASKED_15 if version == '1.5' else ASKED_16)}
    assert set(COMMANDS) <= set(asked) and len(asked) == {'1.5': 15, '1.6': 19}[version]
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001', version)
    station.call('BootNotification', BOOT)
    for operation, (payload, answer) in asked.items():
        station.answer(operation, answer)
        got = soap_cloud.call(CALL, {'device': 'ocpp:CP001', 'action': operation, 'payload': payload})
        assert got.get('payload', {}) == answer, operation
        assert station.asked(operation) == payload, operation


def test_typed_commands_reach_both_versions(soap_cloud, stations):
    """Start is followed by the transaction that it asked for; stop names it."""
    for version, identity in (('1.5', 'OLD'), ('1.6', 'NEW')):
        device = 'ocpp:' + identity
        soap_cloud.put_device(device)
        station = stations(soap_cloud.ws_port, identity, version)
        station.call('BootNotification', BOOT)
        for operation in ('RemoteStartTransaction', 'RemoteStopTransaction', 'Reset', 'ChangeAvailability'):
            station.answer(operation, {'status': 'Accepted'})
        start = soap_cloud.call('galvan.charging.v1.Charging/Start', {'device': device, 'connector': 1, 'token': 'remote-1'})
        assert station.asked('RemoteStartTransaction') == {'idTag': 'remote-1', 'connectorId': 1}
        begun = station.call('StartTransaction', dict(START, idTag='remote-1'))
        session, = soap_cloud.sessions(device)
        assert session['requestId'] == start['requestId']
        soap_cloud.call('galvan.charging.v1.Charging/Stop', {'sessionId': session['id']})
        assert station.asked('RemoteStopTransaction') == {'transactionId': begun['transactionId']}
        assert soap_cloud.call('galvan.charging.v1.Charging/Reset', {'device': device, 'hard': True})['status'] == 'Accepted'
        assert station.asked('Reset') == {'type': 'Hard'}
        soap_cloud.call('galvan.charging.v1.Charging/SetAvailability', {'device': device, 'connector': 2, 'operative': False})
        assert station.asked('ChangeAvailability') == {'connectorId': 2, 'type': 'Inoperative'}


def test_lists_and_reservations_in_both_versions(soap_cloud, stations):
    """The list has another name in 1.5; both are brought into step, and a reservation is asked for, by the typed services."""
    soap_cloud.call('galvan.registry.v1.Registry/PutSite', {'site': {'id': 'depot'}})
    for version, identity, name in (('1.5', 'OLD', 'localAuthorisationList'), ('1.6', 'NEW', 'localAuthorizationList')):
        device = 'ocpp:' + identity
        soap_cloud.put_device(device, site='depot', attributes={'localList': 'auto'})
        station = stations(soap_cloud.ws_port, identity, version)
        station.answer('GetConfiguration', {'configurationKey': [{'key': 'LocalAuthListMaxLength', 'readonly': True, 'value': '10'}]})
        station.answer('GetLocalListVersion', {'listVersion': 0})
        station.answer('SendLocalList', {'status': 'Accepted'})
        station.answer('ReserveNow', {'status': 'Accepted'})
        station.call('BootNotification', BOOT)
        station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Available'})
        soap_cloud.call('galvan.charging.v1.Charging/SyncLocalList', {'device': device, 'full': True})
        sent = station.asked('SendLocalList')
        assert sent['updateType'] == 'Full' and [entry['idTag'] for entry in sent[name]] == ['CARD-1']
        reserved = soap_cloud.call('galvan.charging.v1.Charging/Reserve', {
            'device': device, 'connector': 1, 'token': 'CARD-1', 'expiresAtMs': str(int(time.time() + 3600) * 1000)})
        assert reserved['status'] == 'Accepted'
        assert station.asked('ReserveNow')['idTag'] == 'CARD-1'


def refused(node, code, word, **call):
    with pytest.raises(Refused) as e:
        node.call(CALL, dict({'device': 'ocpp:CP001', 'action': 'ClearCache'}, **call))
    assert e.value.code == code, e.value
    assert word in e.value.text, e.value


def test_what_becomes_of_a_command_that_fails(soap_cloud, stations):
    soap_cloud.put_device('ocpp:CP001')
    refused(soap_cloud, 'unavailable', 'not connected')
    station = stations(soap_cloud.ws_port, 'CP001')
    station.call('Heartbeat', {})
    station.answer('ClearCache', Fault('IdentityMismatch', 'who?', 400))
    answer = soap_cloud.call(CALL, {'device': 'ocpp:CP001', 'action': 'ClearCache'})
    assert answer['error'] == {'code': 'IdentityMismatch', 'description': 'who?'}
    answer = soap_cloud.call(CALL, {'device': 'ocpp:CP001', 'action': 'GetLog', 'payload': {
        'logType': 'SecurityLog', 'requestId': 1, 'log': {'remoteLocation': 'http://x/'}}})
    assert answer['error'] == {'code': 'NotSupported', 'description': 'OCPP over SOAP has no such message'}
    station.answer('ClearCache', None)
    refused(soap_cloud, 'unavailable', station.url)
    station.server.shutdown()
    station.server.server_close()
    refused(soap_cloud, 'unavailable', station.url)
    station.server = None
    commands = soap_cloud.call('galvan.ocpp.v1.Ocpp/ListCommands', {'device': 'ocpp:CP001'})['commands']
    assert [(c['action'], c['outcome'], c['errorCode'], c['sentAtMs'] != '0') for c in commands if not c['internal']] == [
        ('ClearCache', 'unreached', '', True), ('ClearCache', 'unreached', '', True), ('GetLog', 'error', 'NotSupported', False),
        ('ClearCache', 'error', 'IdentityMismatch', True)]


def test_a_station_that_calls_do_not_reach_is_offline_until_it_is_heard_of(soap_cloud, stations):
    """Three in a row; what waits behind them is not tried any more."""
    soap_cloud.put_device('ocpp:CP001')
    events = soap_cloud.events('StationPresenceChanged')
    station = stations(soap_cloud.ws_port, 'CP001')
    station.call('BootNotification', BOOT)
    assert events.wait('StationPresenceChanged')['event'] == {'device': 'ocpp:CP001', 'online': True, 'why': ''}
    station.answer('ClearCache', {'status': 'Accepted'})
    gone = station.url
    station.close()
    for _ in range(2):
        refused(soap_cloud, 'unavailable', gone)
    station.serve().call('Heartbeat', {})
    assert soap_cloud.call(CALL, {'device': 'ocpp:CP001', 'action': 'ClearCache'})['payload'] == {'status': 'Accepted'}
    station.close()
    for _ in range(3):
        refused(soap_cloud, 'unavailable', station.url)
    told = events.wait('StationPresenceChanged')['event']
    assert not told['online'] and told['why'] == '3 calls in a row have not reached it at ' + station.url
    refused(soap_cloud, 'unavailable', 'not connected')
    station.serve().call('Heartbeat', {})
    assert events.wait('StationPresenceChanged')['event']['online']
    assert soap_cloud.call(CALL, {'device': 'ocpp:CP001', 'action': 'ClearCache'})['payload'] == {'status': 'Accepted'}
    events.close()


def test_a_private_address_is_not_called_unless_the_config_says_so(run, stations):
    """No stranger makes galvan call into its own network: not by an address, not by a name for one."""
    ws, = free_ports(1)
    node = run(soap_config(ws, soap_private_addresses=False))
    node.put_device('ocpp:CP001')
    station = stations(ws, 'CP001')
    port = station.url.split(':')[2].split('/')[0]
    for url in (station.url, 'http://localhost:%s/' % port, 'http://[::1]:%s/' % port, 'http://[::ffff:127.0.0.1]:%s/' % port,
                'http://0x7f.1:%s/' % port):
        station.call('Heartbeat', {}, **{'from': url})
        refused(node, 'unavailable', 'private network')
    assert station.wrong == []


def test_a_station_without_an_address_cannot_be_called(soap_cloud, stations):
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001', serve=False)
    station.call('Heartbeat', {})
    refused(soap_cloud, 'failed_precondition', 'address')


def test_who_is_kept_out(soap_cloud, stations, any_station):
    def fault(code, word, identity, status=400):
        with pytest.raises(Fault) as e:
            stations(soap_cloud.ws_port, identity, serve=False).call('Heartbeat', {})
        assert (e.value.code, e.value.status) == (code, status)
        assert word in e.value.reason
    fault('SecurityError', 'PutDevice', 'STRANGER')
    fault('ProtocolError', 'chargeBoxIdentity', '')
    soap_cloud.put_device('ocpp:SECRET', password='0123456789abcdef')
    fault('SecurityError', 'password', 'SECRET')
    event, = soap_cloud.call('galvan.ocpp.v1.Ocpp/ListSecurityEvents', {'device': 'ocpp:SECRET'})['events']
    assert event['type'] == 'no-password'
    soap_cloud.put_device('ocpp:SECRET', attributes={'soap': 'allow'})
    stations(soap_cloud.ws_port, 'SECRET', serve=False).call('Heartbeat', {})
    soap_cloud.put_device('ocpp:SOCKET')
    any_station().connect(soap_cloud.ws, 'SOCKET')
    until('it is online', lambda: soap_cloud.call('galvan.ocpp.v1.Ocpp/ListStations', {'device': 'ocpp:SOCKET'})['stations'][0]['online'])
    fault('SecurityError', 'WebSocket', 'SOCKET')


def test_an_identity_is_written_in_any_case(soap_cloud, stations):
    soap_cloud.put_device('ocpp:CP001', aliases=['ocpp:Other'])
    for identity in ('cp001', 'OTHER'):
        station = stations(soap_cloud.ws_port, identity)
        station.call('BootNotification', BOOT)
        station.answer('ClearCache', {'status': 'Accepted'})
        assert soap_cloud.call(CALL, {'device': 'ocpp:CP001', 'action': 'ClearCache'})['payload'] == {'status': 'Accepted'}
        station.asked('ClearCache')


def test_what_is_no_request_is_answered_as_soap_has_it(soap_cloud, stations):
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001')
    post = station.post
    assert post(None, method='GET')[0] == 405
    for body in (b'', b'{}', b'<a/>', b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b'\xff\xfe'):
        status, _, text = post(body)
        assert status == 400 and b'ProtocolError' in text, text
    heartbeat = station.envelope('Heartbeat', {})
    assert post(heartbeat.replace(b'heartbeatRequest', b'bakeRequest'))[0] == 500
    assert b'NotSupported' in post(heartbeat.replace(b'heartbeatRequest', b'bakeRequest'))[2]
    assert b'VersionMismatch' in post(heartbeat.replace(b'http://www.w3.org/2003/05/soap-envelope', b'http://schemas.xmlsoap.org/soap/envelope/'))[2]
    assert post(heartbeat, Content_Encoding='br')[0] == 415
    assert post(heartbeat, Content_Encoding='gzip')[0] == 400
    assert post(heartbeat + b' ' * 300000)[0] == 413
    with pytest.raises(Fault) as e:
        station.call('Authorize', {})
    assert e.value.code == 'ProtocolError' and 'idTag' in e.value.reason
    for content_type in ('text/xml', 'application/soap+xml; action="urn://Ocpp/Cs/2015/10/Heartbeat"', None):
        assert post(heartbeat, content_type=content_type, SOAPAction='"/Heartbeat"')[0] == 200


def test_missing_headers_are_no_reason_to_refuse(soap_cloud, stations):
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001')
    status, headers, data = station.post(station.envelope('Heartbeat', {}, id=None, action=None, to=None, **{'from': None}))
    answer = station.read_answer('Heartbeat', 'http://www.w3.org/2005/08/addressing/unspecified', status, headers, data)
    assert answer['currentTime']


@pytest.mark.parametrize('coding', ['gzip', 'deflate'])
def test_bodies_may_be_compressed_both_ways(soap_cloud, stations, coding):
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001')
    station.gzip, station.accept = coding, 'gzip, deflate'
    station.call('BootNotification', BOOT)
    assert station.got_encoding == 'gzip'
    station.answer('ClearCache', {'status': 'Accepted'})
    assert soap_cloud.call(CALL, {'device': 'ocpp:CP001', 'action': 'ClearCache'})['payload'] == {'status': 'Accepted'}


def test_the_order_of_elements_does_not_matter_in_what_comes(soap_cloud, stations):
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001')
    envelope = ET.fromstring(station.envelope('StartTransaction', START, 'uuid:mixed'))
    body = envelope[1][0]
    body[:] = reversed(body)
    answer = station.read_answer('StartTransaction', 'uuid:mixed', *station.post(ET.tostring(envelope)))
    assert answer['idTagInfo']['status'] == 'Accepted'


def test_a_request_that_comes_again_gets_the_same_answer(soap_cloud, stations):
    """The answer was lost, so the station asks again, with the same MessageID: one boot, one transaction."""
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001')
    events = soap_cloud.events('StationBooted', 'SessionStarted')
    station.call('BootNotification', BOOT, 'uuid:boot')
    station.call('BootNotification', BOOT, 'uuid:boot')
    first = station.call('StartTransaction', START, 'uuid:start')
    assert station.call('StartTransaction', START, 'uuid:start')['transactionId'] == first['transactionId']
    assert len(soap_cloud.sessions('ocpp:CP001')) == 1
    events.wait('SessionStarted')
    assert [e['type'].split('.')[-1] for e in events.seen] == ['StationBooted', 'SessionStarted']
    events.close()


def test_kill_9_of_the_node_loses_nothing(soap_cloud, stations):
    """The start was answered, or not: the same id comes when it is repeated; the station can be commanded before it calls again."""
    soap_cloud.put_device('ocpp:CP001')
    station = stations(soap_cloud.ws_port, 'CP001')
    station.call('BootNotification', BOOT)
    first = station.call('StartTransaction', START, 'uuid:start')
    soap_cloud.restart()
    station.answer('ClearCache', {'status': 'Accepted'})
    assert soap_cloud.call(CALL, {'device': 'ocpp:CP001', 'action': 'ClearCache'})['payload'] == {'status': 'Accepted'}
    assert station.call('StartTransaction', START, 'uuid:start')['transactionId'] == first['transactionId']
    station.call('StopTransaction', {'transactionId': first['transactionId'], 'timestamp': '2026-11-21T05:00:00Z', 'meterStop': 1500})
    session, = soap_cloud.sessions('ocpp:CP001')
    assert session['energyWh'] == '500'


def test_instances_share_the_stations(run, stations):
    """A request goes to whichever instance; the station's own one handles it, calls the station, and is the only one that knows it."""
    ws, = free_ports(1)
    config = soap_config(ws)
    config['plugins']['ocpp']['instances'] = 2
    node = run(config)
    owners = set()
    for identity in ('CP001', 'CP002', 'CP003', 'CP004'):
        device = 'ocpp:' + identity
        node.put_device(device)
        station = stations(ws, identity)
        station.answer('ClearCache', {'status': 'Accepted'})
        for _ in range(2):  # one of two connections is the other instance's
            station.call('BootNotification', BOOT)
        assert node.call(CALL, {'device': device, 'action': 'ClearCache'})['payload'] == {'status': 'Accepted'}
        owners.add(tuple(device in json.dumps(node.rows('ocpp.%d' % i, 'soap')) for i in range(2)))
    assert owners == {(True, False), (False, True)}


def test_kill_9_of_ocpp_between_a_request_and_its_answer(run, stations):
    """link keeps the request and hands it to the next incarnation: the station gets its answer, and its start once."""
    ws, = free_ports(1)
    node = run(soap_config(ws))
    node.put_device('ocpp:CP001')
    station = stations(ws, 'CP001')
    station.call('BootNotification', BOOT)
    pid = int(node.instance('ocpp')['pid'])
    os.kill(pid, signal.SIGSTOP)
    answers = []
    racer = threading.Thread(target=lambda: answers.append(station.call('StartTransaction', START, 'uuid:start')))
    racer.start()
    until('link has the request', lambda: any(
        c['unacknowledged'] for c in node.call('galvan.link.v1.Link/ListConnections', {})['connections']))
    os.kill(pid, signal.SIGKILL)
    racer.join(PATIENCE_S)
    assert answers[0]['idTagInfo']['status'] == 'Accepted'
    assert station.call('StartTransaction', START, 'uuid:start') == answers[0]
    assert len(node.sessions('ocpp:CP001')) == 1
