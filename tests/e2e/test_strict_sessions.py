"""All that a session can have, in one connection, with npm's ocpp-rpc in strict mode: whatever either side says that its schemas do not allow
fails the test. One of OCPP 1.6, one of 2.0.1."""
import time

import pytest

from galvan import base_config, free_ports
from session import Session, SessionV201
from stations import OcppRpc

CHARGING = 'galvan.charging.v1.Charging/'
CALL = 'galvan.ocpp.v1.Ocpp/Call'
DEVICE = 'ocpp:CP001'
CARD = {'id': 'CARD-1'}
ACCEPTED = {'status': 'Accepted'}


@pytest.fixture
def cloud(run):
    """With a place for files, and a list of tokens for who can keep one."""
    ws, = free_ports(1)
    config = base_config(ws)
    config['plugins']['ocpp']['config'].update(files_url='http://127.0.0.1:%d' % ws, tags=[CARD])
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.call('galvan.registry.v1.Registry/PutSite', {'site': {'id': 'depot'}})
    node.put_device(DEVICE, site='depot')
    return node


def in_an_hour():
    return str(int(time.time() + 3600) * 1000)


class Operator:
    """What people ask of a charger by the typed services, which know no version."""

    def __init__(self, node):
        self.node = node

    def ask(self, method, **request):
        return self.node.call(CHARGING + method, dict(request, device=DEVICE))

    def all_of_it(self):
        """Before a session: list, reservation, trigger, configuration, diagnostics, firmware."""
        assert self.ask('SyncLocalList', full=True)['status'] == 'Accepted'
        reserved = self.ask('Reserve', connector=1, token='CARD-1', expiresAtMs=in_an_hour())
        assert reserved['status'] == 'Accepted'
        assert self.ask('CancelReservation', reservationId=reserved['reservationId'])['status'] == 'Accepted'
        assert self.ask('Trigger', message='StatusNotification', connector=1)['status'] == 'Accepted'
        assert self.ask('GetDiagnostics')['fileName'] == 'x.log'
        assert self.ask('UpdateFirmware', url='http://127.0.0.1:9/v2.bin')['status'] == 'Accepted'

    def while_it_charges(self):
        assert self.ask('SetLimit', connector=1, periods=[{'currentMa': '16000'}], validS=600)['status'] == 'Accepted'
        assert self.ask('ClearLimit', connector=1)['status'] == 'Accepted'

    def afterwards(self):
        assert self.ask('Unlock', connector=1)['status'] == 'Unlocked'
        assert self.ask('SetAvailability', connector=1, operative=True)['status'] == 'Accepted'
        assert self.ask('ClearCache')['status'] == 'Accepted'
        assert self.ask('Reset')['status'] == 'Accepted'


HASH = {'hashAlgorithm': 'SHA256', 'issuerNameHash': 'ab' * 32, 'issuerKeyHash': 'cd' * 32, 'serialNumber': '01'}
LOG = {'logType': 'SecurityLog', 'requestId': 11, 'log': {'remoteLocation': 'http://127.0.0.1:9/logs'}}
FIRMWARE = {'requestId': 12, 'firmware': {
    'location': 'http://127.0.0.1:9/v3.bin', 'retrieveDateTime': '2025-01-15T02:09:54Z', 'signingCertificate': 'PEM', 'signature': 'c2ln'}}
# The security extension of 1.6, as far as galvan has no service of its own for it: what is asked, and what this charger answers.
SECURITY = {
    'InstallCertificate': ({'certificateType': 'CentralSystemRootCertificate', 'certificate': 'PEM'}, ACCEPTED),
    'GetInstalledCertificateIds': ({'certificateType': 'CentralSystemRootCertificate'}, dict(ACCEPTED, certificateHashData=[HASH])),
    'DeleteCertificate': ({'certificateHashData': HASH}, {'status': 'NotFound'}),
    'GetLog': (LOG, dict(ACCEPTED, filename='security.log')),
    'SignedUpdateFirmware': (FIRMWARE, ACCEPTED),
}


class Strict(Session):
    def connect(self):
        self.station.connect(self.node.ws, self.identity, strict=True)


def do(session, steps):
    for step in steps:
        session.do(step)


def test_a_whole_session_of_1_6(cloud):
    station = OcppRpc()
    keys = [{'key': 'LocalAuthListMaxLength', 'readonly': True, 'value': '100'}, {'key': 'HeartbeatInterval', 'readonly': False, 'value': '300'}]
    for action, answer in {
            'GetConfiguration': {'configurationKey': keys}, 'ChangeConfiguration': ACCEPTED, 'GetLocalListVersion': {'listVersion': 0},
            'SendLocalList': ACCEPTED, 'ReserveNow': ACCEPTED, 'CancelReservation': ACCEPTED, 'TriggerMessage': ACCEPTED,
            'GetDiagnostics': {'fileName': 'x.log'}, 'UpdateFirmware': {}, 'SetChargingProfile': ACCEPTED, 'ClearChargingProfile': ACCEPTED,
            'GetCompositeSchedule': {'status': 'Rejected'}, 'UnlockConnector': {'status': 'Unlocked'}, 'ChangeAvailability': ACCEPTED,
            'ClearCache': ACCEPTED, 'Reset': ACCEPTED, 'DataTransfer': {'status': 'UnknownVendorId'}}.items():
        station.answer(action, answer)
    session, operator = Strict(cloud, station), Operator(cloud)
    do(session, ['connect', 'boot', 'available'])
    assert station.call('Authorize', {'idTag': 'CARD-1'})['idTagInfo']['status'] == 'Accepted'
    assert 'currentTime' in station.call('Heartbeat', {})
    assert station.call('DataTransfer', {'vendorId': 'nobody'}) == {'status': 'UnknownVendorId'}
    operator.all_of_it()
    assert operator.ask('SetConfiguration', key='HeartbeatInterval', value='300')['status'] == 'Accepted'
    for status in 'Uploading', 'Uploaded':
        station.call('DiagnosticsStatusNotification', {'status': status})
    for status in 'Downloading', 'Downloaded', 'Installing', 'Installed':
        station.call('FirmwareStatusNotification', {'status': status})
    do(session, ['remote_start', 'start_transaction', 'charging', 'meter'])
    operator.while_it_charges()
    do(session, ['remote_stop', 'stop_transaction', 'finished'])
    operator.afterwards()
    security_of_1_6(cloud, station)
    assert operator.node.call(CALL, {'device': DEVICE, 'action': 'DataTransfer', 'payload': {'vendorId': 'v'}})['payload'] == {
        'status': 'UnknownVendorId'}
    session.check()
    assert station.invalid == []
    station.close()


def security_of_1_6(node, station):
    """Both sides' words pass the other's schemas, and the charger hears what was asked."""
    for action, (payload, answer) in SECURITY.items():
        station.answer(action, answer)
        assert node.call(CALL, {'device': DEVICE, 'action': action, 'payload': payload})['payload'] == answer
        asked = station.asked(action)
        assert asked.keys() == payload.keys()
        assert asked.get('requestId') == payload.get('requestId')
    station.call('LogStatusNotification', {'status': 'Uploaded', 'requestId': 11})
    for status in 'Downloading', 'SignatureVerified', 'Installed':
        station.call('SignedFirmwareStatusNotification', {'status': status, 'requestId': 12})
    known = node.call('galvan.ocpp.v1.Ocpp/ListStations', {'device': DEVICE})['stations'][0]
    assert (known['firmwareStatus'], known['logStatus']) == ('Installed', 'Uploaded')


def test_a_whole_session_of_2_0_1(cloud):
    station = OcppRpc('ocpp2.0.1')
    variable = {'component': {'name': 'OCPPCommCtrlr'}, 'variable': {'name': 'HeartbeatInterval'}}
    for action, answer in {
            'GetBaseReport': {'status': 'NotSupported'}, 'GetLocalListVersion': {'versionNumber': 0}, 'SendLocalList': ACCEPTED,
            'GetVariables': {'getVariableResult': [dict(variable, attributeStatus='Accepted', attributeValue='300')]},
            'SetVariables': {'setVariableResult': [dict(variable, attributeStatus='Accepted')]},
            'ReserveNow': ACCEPTED, 'CancelReservation': ACCEPTED, 'TriggerMessage': ACCEPTED, 'GetLog': {'status': 'Accepted', 'filename': 'x.log'},
            'UpdateFirmware': ACCEPTED, 'SetChargingProfile': ACCEPTED, 'ClearChargingProfile': ACCEPTED,
            'GetCompositeSchedule': {'status': 'Rejected'}, 'UnlockConnector': {'status': 'Unlocked'}, 'ChangeAvailability': ACCEPTED,
            'ClearCache': ACCEPTED, 'Reset': ACCEPTED, 'DataTransfer': {'status': 'UnknownVendorId'}}.items():
        station.answer(action, answer)
    session, operator = SessionV201(cloud, station), Operator(cloud)
    do(session, ['connect', 'boot', 'available'])
    answer = station.call('Authorize', {'idToken': {'idToken': 'CARD-1', 'type': 'ISO14443'}})
    assert answer['idTokenInfo']['status'] == 'Accepted'
    assert 'currentTime' in station.call('Heartbeat', {})
    assert station.call('DataTransfer', {'vendorId': 'nobody'})['status'] == 'UnknownVendorId'
    operator.all_of_it()
    log, firmware = station.asked('GetLog')['requestId'], station.asked('UpdateFirmware')['requestId']
    for status in 'Uploading', 'Uploaded':
        station.call('LogStatusNotification', {'status': status, 'requestId': log})
    for status in 'Downloading', 'Downloaded', 'Installing', 'Installed':
        station.call('FirmwareStatusNotification', {'status': status, 'requestId': firmware})
    do(session, ['remote_start', 'start_transaction', 'charging', 'meter'])
    operator.while_it_charges()
    do(session, ['remote_stop', 'stop_transaction', 'finished'])
    operator.afterwards()
    got = operator.node.call(CALL, {'device': DEVICE, 'action': 'GetVariables', 'payload': {'getVariableData': [variable]}})
    assert got['payload']['getVariableResult'][0]['attributeValue'] == '300'
    session.check()
    assert station.invalid == []
    station.close()
