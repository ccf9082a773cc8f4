"""The device model of OCPP 2.0.1 by a station that is not ours and checks all that it is told: a report in parts, settings that are read back."""
import threading

import pytest

from ocpp_payloads import Payloads, schemas
from stations import OcppRpc, PyOcpp

DEVICE = 'ocpp:CP001'


def variable(component, name, value, **more):
    return {'component': {'name': component}, 'variable': {'name': name}, 'variableAttribute': [dict({'value': value}, **more)],
            'variableCharacteristics': {'dataType': 'string', 'supportsMonitoring': False}}


@pytest.fixture
def strict(cloud):
    cloud.put_device('ocpp:CP001')
    station = OcppRpc('ocpp2.0.1')
    station.connect(cloud.ws, 'CP001', strict=True)
    station.call('BootNotification', {'reason': 'PowerUp', 'chargingStation': {'vendorName': 'Elsewhere', 'model': 'Two'}})
    yield station
    station.close()
    assert not station.invalid, 'nothing that breaks the schemas was said'


def meanwhile(node, method, request):
    """Calls the node beside what the test does; gives what to wait with for the answer."""
    answer = []
    caller = threading.Thread(target=lambda: answer.append(node.call(method, request)))
    caller.start()

    def wait():
        caller.join()
        return answer[0]
    return wait


def test_a_base_report_in_three_parts_is_listed(cloud, strict):
    strict.answer('GetBaseReport', {'status': 'Accepted'})
    answer = meanwhile(cloud, 'galvan.ocpp.v1.Ocpp/RefreshVariables', {'device': DEVICE})
    asked = strict.asked('GetBaseReport')
    assert asked['reportBase'] == 'FullInventory'
    parts = [[variable('OCPPCommCtrlr', 'HeartbeatInterval', '60'), variable('SecurityCtrlr', 'BasicAuthPassword', 'DEADBEEFDEADBEEF')],
             [variable('ClockCtrlr', 'TimeZone', 'UTC', mutability='ReadOnly')],
             [variable('Connector', 'AvailabilityState', 'Available')]]
    for number in (0, 2, 1):
        strict.call('NotifyReport', {'requestId': asked['requestId'], 'generatedAt': '2025-01-15T02:09:54Z', 'seqNo': number,
                                     'tbc': number < 2, 'reportData': parts[number]})
    assert answer() == {'status': 'Accepted', 'complete': True, 'parts': 3, 'variables': 4, 'removed': 0}
    listed = cloud.call('galvan.ocpp.v1.Ocpp/ListVariables', {'device': DEVICE})['variables']
    assert {v['key']: v['attributes'][0]['value'] for v in listed} == {
        'ClockCtrlr/TimeZone': 'UTC', 'Connector/AvailabilityState': 'Available', 'OCPPCommCtrlr/HeartbeatInterval': '60',
        'SecurityCtrlr/BasicAuthPassword': ''}
    assert 'DEADBEEF' not in str(cloud.rows('ocpp', 'variables')) + str(cloud.call('galvan.ocpp.v1.Ocpp/ListMessages', {'device': DEVICE}))
    configuration = cloud.call('galvan.charging.v1.Charging/GetConfiguration', {'device': DEVICE})['entries']
    assert [(e['key'], e['readOnly'], e['secret']) for e in configuration][0] == ('ClockCtrlr/TimeZone', True, False)


def test_a_setting_is_read_back(cloud, strict):
    named = {'component': {'name': 'OCPPCommCtrlr'}, 'variable': {'name': 'HeartbeatInterval'}}
    strict.answer('SetVariables', {'setVariableResult': [dict(named, attributeStatus='Accepted')]})
    strict.answer('GetVariables', {'getVariableResult': [dict(named, attributeStatus='Accepted', attributeValue='120')]})
    setting = {'device': DEVICE, 'key': 'OCPPCommCtrlr/HeartbeatInterval', 'value': '120'}
    assert cloud.call('galvan.charging.v1.Charging/SetConfiguration', setting) == {'status': 'Accepted', 'value': '120', 'asSet': True}
    assert strict.asked('SetVariables') == {'setVariableData': [dict(named, attributeValue='120')]}
    assert strict.asked('GetVariables') == {'getVariableData': [named]}
    read = cloud.call('galvan.charging.v1.Charging/GetConfiguration', {'device': DEVICE, 'keys': ['OCPPCommCtrlr/HeartbeatInterval']})
    assert [e['value'] for e in read['entries']] == ['120']


FROM_STATIONS = ['Authorize', 'BootNotification', 'ClearedChargingLimit', 'FirmwareStatusNotification', 'Get15118EVCertificate',
                 'GetCertificateStatus', 'Heartbeat', 'LogStatusNotification', 'MeterValues', 'NotifyChargingLimit', 'NotifyCustomerInformation',
                 'NotifyDisplayMessages', 'NotifyEVChargingNeeds', 'NotifyEVChargingSchedule', 'NotifyEvent', 'NotifyMonitoringReport',
                 'NotifyReport', 'PublishFirmwareStatusNotification', 'ReportChargingProfiles', 'ReservationStatusUpdate',
                 'SecurityEventNotification', 'SignCertificate', 'StatusNotification', 'TransactionEvent']


def least(schema):
    """The least that the official schema allows, with whatever ids a text may be."""
    payloads = Payloads(schema, seed=1)
    payloads.make_string = lambda field, _: '2025-01-15T02:09:54Z' if field.get('format') == 'date-time' else 'x'
    payloads.make_integer = lambda *_: 1
    payloads.make_number = lambda *_: 1.5
    return payloads.valid(0)


def test_each_of_the_64_messages_goes_its_way(cloud):
    """By PyPI's ocpp, which checks what is said against the official schemas, both ways."""
    cloud.put_device('ocpp:CP001')
    station = PyOcpp('ocpp2.0.1')
    station.connect(cloud.ws, 'CP001')
    messages = schemas('ocpp2.0.1')
    actions = sorted({action for action, _ in messages})
    for action in FROM_STATIONS + ['DataTransfer']:
        station.call(action, least(messages[action, 'request']))
    ours = [a for a in actions if a not in FROM_STATIONS]
    assert (len(actions), len(ours)) == (64, 40)
    for action in ours:
        payload, answer = least(messages[action, 'request']), least(messages[action, 'answer'])
        station.answer(action, answer)
        assert cloud.call('galvan.ocpp.v1.Ocpp/Call', {'device': DEVICE, 'action': action, 'payload': payload})['payload'] == answer, action
        assert station.asked(action) == payload
    station.close()
