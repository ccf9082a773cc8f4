"""A charger that is known and not yet in service, by clients that are not ours and check what they are told: Pending, configured meanwhile, and in
service as soon as the registry says so."""
import pytest

from galvan import until
from stations import OcppRpc, StationError

DEVICE = 'ocpp:CP001'
BOOT = {'chargePointVendor': 'Elsewhere', 'chargePointModel': 'One'}
PUT = 'galvan.registry.v1.Registry/PutDevice'


def registration(node, value):
    node.call(PUT, {'device': {'id': DEVICE, 'attributes': {'registration': value}}})


def test_a_charger_waits_until_it_is_put_into_service(cloud):
    cloud.put_device(DEVICE)
    registration(cloud, 'pending')
    until('ocpp has heard of it', lambda: "'pending': True" in str(cloud.rows('ocpp', 'devices')))
    station = OcppRpc('ocpp1.6')
    station.answer('TriggerMessage', {'status': 'Accepted'})
    station.answer('ChangeConfiguration', {'status': 'Accepted'})
    station.answer('GetConfiguration', {'configurationKey': [{'key': 'HeartbeatInterval', 'readonly': False, 'value': '60'}]})
    station.connect(cloud.ws, 'CP001', strict=True)
    boot = station.call('BootNotification', BOOT)
    assert (boot['status'], boot['interval']) == ('Pending', 60)
    with pytest.raises(StationError) as refused:
        station.call('StartTransaction', {'connectorId': 1, 'idTag': 'A', 'meterStart': 0, 'timestamp': '2025-01-15T02:09:54Z'})
    assert refused.value.code == 'SecurityError'
    done = cloud.call('galvan.charging.v1.Charging/SetConfiguration', {'device': DEVICE, 'key': 'HeartbeatInterval', 'value': '60'})
    assert (done['status'], done['asSet']) == ('Accepted', True)
    registration(cloud, '')
    assert station.asked('TriggerMessage') == {'requestedMessage': 'BootNotification'}
    assert station.call('BootNotification', BOOT)['status'] == 'Accepted'
    assert station.call('Heartbeat', {})['currentTime']
    station.close()
    assert not station.invalid, 'nothing that breaks the schemas was said'
