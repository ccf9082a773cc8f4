"""Lists of tokens and reservations, at a charging station of somebody else's making that takes nothing which breaks OCPP's schemas."""
import time

import pytest

from galvan import Refused, base_config, free_ports, until
from stations import OcppRpc

BILLING = 'galvan.billing.v1.Billing/'
CHARGING = 'galvan.charging.v1.Charging/'
DEVICE = 'ocpp:CP001'
BOOT = {'chargePointVendor': 'Elsewhere', 'chargePointModel': 'Two'}
KEYS = [{'key': 'LocalAuthListEnabled', 'readonly': False, 'value': 'true'},
        {'key': 'SendLocalListMaxLength', 'readonly': True, 'value': '2'},
        {'key': 'LocalAuthListMaxLength', 'readonly': True, 'value': '100'}]


@pytest.fixture
def node(run):
    ws, = free_ports(1)
    config = base_config(ws, billing={})
    config['plugins']['ocpp']['config'].update(unknown_token='refuse', local_list_delay_s=1, local_list_check_s=0)
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.put_device(DEVICE)
    return node


@pytest.fixture
def station():
    client = OcppRpc()
    yield client
    client.close()
    assert not client.invalid, client.invalid


def connect(node, station):
    station.connect(node.ws, 'CP001', strict=True)
    station.call('BootNotification', BOOT)


def put_token(node, token, **fields):
    node.call(BILLING + 'PutToken', {'token': dict(id=token, use='TOKEN_USE_PRIVATE', **fields)})


def keeps_a_list(station, version=0):
    station.answer('GetConfiguration', {'configurationKey': KEYS})
    station.answer('GetLocalListVersion', {'listVersion': version})
    station.answer('SendLocalList', {'status': 'Accepted'})


def local_list(node):
    return node.call('galvan.ocpp.v1.Ocpp/ListStations', {'device': DEVICE})['stations'][0]['localList'] or {}


def in_step(node, version):
    until('the list is in step', lambda: (local_list(node).get('state'), local_list(node).get('version')) == ('in step', str(version)))


def test_a_list_is_sent_whole_then_as_a_difference_then_whole_again(node, station):
    for i in range(3):
        put_token(node, 'Card%d' % i, parent='FAMILY')
    put_token(node, 'LOST', state='TOKEN_STATE_LOST')
    keeps_a_list(station)
    connect(node, station)
    accepted = {'status': 'Accepted', 'parentIdTag': 'FAMILY'}
    assert station.asked('SendLocalList') == {'listVersion': 1, 'updateType': 'Full', 'localAuthorizationList': [
        {'idTag': 'Card0', 'idTagInfo': accepted}, {'idTag': 'Card1', 'idTagInfo': accepted}]}
    assert station.asked('SendLocalList') == {'listVersion': 2, 'updateType': 'Differential', 'localAuthorizationList': [
        {'idTag': 'Card2', 'idTagInfo': accepted}]}
    in_step(node, 2)
    put_token(node, 'Card1', parent='FAMILY', state='TOKEN_STATE_BLOCKED')
    assert station.asked('SendLocalList') == {'listVersion': 3, 'updateType': 'Differential', 'localAuthorizationList': [
        {'idTag': 'Card1', 'idTagInfo': {'status': 'Blocked', 'parentIdTag': 'FAMILY'}}]}
    in_step(node, 3)
    node.restart()  # kill -9; the station has lost its list meanwhile
    station.wait_closed()
    connect(node, station)
    again = station.asked('SendLocalList')
    assert (again['listVersion'], again['updateType']) == (1, 'Full')
    assert [e['idTag'] for e in again['localAuthorizationList']] == ['Card0', 'Card2']
    in_step(node, 1)


def test_people_bring_a_list_into_step(node, station):
    put_token(node, 'CARD')
    keeps_a_list(station)
    connect(node, station)
    in_step(node, 1)
    station.answer('GetLocalListVersion', {'listVersion': 1})
    assert node.call(CHARGING + 'SyncLocalList', {'device': DEVICE}) == {'status': 'Accepted', 'version': '1', 'entries': 1}
    assert node.call(CHARGING + 'SyncLocalList', {'device': DEVICE, 'full': True})['version'] == '2'
    station.answer('GetLocalListVersion', {'listVersion': -1})
    assert node.call(CHARGING + 'SyncLocalList', {'device': DEVICE})['status'] == 'NotSupported'


def test_a_station_without_lists_serves_commands_and_empties_its_cache_when_told(node, station):
    put_token(node, 'CARD')
    connect(node, station)
    until('it is known to keep none', lambda: local_list(node).get('state') == 'not supported')
    station.answer('ClearCache', {'status': 'Accepted'})
    assert node.call(CHARGING + 'ClearCache', {'device': DEVICE})['status'] == 'Accepted'


# ---- reservations

def reserve(node, token, in_s=3600, **more):
    reply = node.call(CHARGING + 'Reserve', dict(device=DEVICE, connector=1, token=token,
                                                expiresAtMs=int((time.time() + in_s) * 1000), **more))
    assert reply['status'] == 'Accepted'
    return int(reply['reservationId'])


def start(station, token, **more):
    return station.call('StartTransaction', dict(connectorId=1, idTag=token, meterStart=0, timestamp='2025-01-15T02:09:54Z', **more))


def status(station, value):
    station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': value})


def test_a_reservation_is_made_kept_used_by_the_family_lost_and_expires(node, station):
    put_token(node, 'MOTHER', parent='FAMILY')
    put_token(node, 'SON', parent='FAMILY')
    put_token(node, 'OTHER')
    station.answer('ReserveNow', {'status': 'Accepted'})
    station.answer('CancelReservation', {'status': 'Accepted'})
    connect(node, station)
    events = node.events('galvan.charging.v1.ReservationChanged')

    def told(state):
        return events.wait('ReservationChanged', lambda e: e['event']['reservation']['state'] == state)['event']['reservation']

    first = reserve(node, 'MOTHER')
    asked = station.asked('ReserveNow')
    assert (asked['connectorId'], asked['idTag'], asked['parentIdTag'], asked['reservationId']) == (1, 'MOTHER', 'FAMILY', first)
    assert told('RESERVED')['token'] == 'MOTHER'
    with pytest.raises(Refused) as refused:
        node.call(CHARGING + 'Start', {'device': DEVICE, 'connector': 1, 'token': 'OTHER'})
    assert refused.value.code == 'failed_precondition'
    assert 'MOTHER' in refused.value.text
    begun = start(station, 'SON', reservationId=first)
    assert begun['idTagInfo'] == {'status': 'Accepted', 'parentIdTag': 'FAMILY'}
    assert told('USED')['sessionId'] == '%s/%d' % (DEVICE, begun['transactionId'])

    second = reserve(node, 'MOTHER')
    assert second > first
    status(station, 'Faulted')
    assert told('LOST')['id'] == str(second)

    third = reserve(node, 'MOTHER')
    assert node.call(CHARGING + 'CancelReservation', {'device': DEVICE, 'reservationId': third})['status'] == 'Accepted'
    assert told('CANCELLED')['id'] == str(third)

    fourth = reserve(node, 'MOTHER', in_s=2)
    assert told('EXPIRED')['id'] == str(fourth)
    states = [r['state'] for r in node.call(CHARGING + 'ListReservations', {'device': DEVICE, 'ended': True})['reservations']]
    assert states == ['EXPIRED', 'CANCELLED', 'LOST', 'USED']
    assert not node.call(CHARGING + 'ListReservations', {'device': DEVICE})['reservations']
    events.close()
