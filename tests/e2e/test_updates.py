"""A charger is had by a driver or by an update, never by both; and an update that it takes is as it was meant, or as if it had not been
(galvan.update.v1.Updates)."""
import time

import pytest

from galvan import Refused, base_config, free_ports, until

DEVICE = 'ocpp:CP001'
UPDATES = 'galvan.update.v1.Updates/'


def in_ms(ms):
    return str(int(time.time() * 1000) + ms)


class Updates:
    def __init__(self, node):
        self.node = node

    def lease(self, lease='c/1', ms=600000):
        return self.node.call(UPDATES + 'Lease', {'device': DEVICE, 'id': lease, 'untilMs': in_ms(ms), 'why': 'firmware 2'})

    def claim(self, order='O-1', **more):
        return self.node.call(UPDATES + 'Claim', dict({'device': DEVICE, 'order': order, 'untilMs': in_ms(60000)}, **more))

    def end(self, lease='c/1'):
        self.node.call(UPDATES + 'EndLease', {'device': DEVICE, 'id': lease})

    def install(self, update='u1', lease='c/1', **more):
        return self.node.call(UPDATES + 'Install', dict({'device': DEVICE, 'lease': lease, 'id': update, 'kind': 'firmware', 'version': '2'}, **more))

    def state(self):
        return self.node.call(UPDATES + 'GetUpdateState', {'device': DEVICE})

    def step(self, update):
        progress = self.state()['progress']
        return progress['step'] if progress and progress['id'] == update else None

    def wait(self, update, step):
        until('update %s is at %s' % (update, step), lambda: self.step(update) == step)


def start(node, **more):
    return node.call('galvan.charging.v1.Charging/Start', dict({'device': DEVICE, 'connector': 1, 'token': 'CARD-1'}, **more))


@pytest.fixture
def cloud(run):
    ws, = free_ports(1)
    config = base_config(ws)
    config['plugins']['ocpp']['config']['files_url'] = 'http://127.0.0.1:%d/' % ws
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.put_device(DEVICE)
    return node


@pytest.fixture
def updates(cloud, station):
    station.connect(cloud.ws, 'CP001')
    boot(station, '1.0')
    return Updates(cloud)


def boot(station, firmware):
    station.call('BootNotification', {'chargePointVendor': 'Acme', 'chargePointModel': 'AC', 'firmwareVersion': firmware})


def test_while_a_lease_stands_nothing_begins(cloud, station, updates):
    events = cloud.events('LeaseChanged')
    assert updates.lease()['granted']
    assert events.wait('LeaseChanged')['event']['lease']['id'] == 'c/1'
    with pytest.raises(Refused, match='is being updated .firmware 2. and expected back at'):
        start(cloud)
    claim = updates.claim()
    assert not claim['claimed'] and claim['backAtMs'] != '0', 'who is about to pay is told before'
    info = station.call('Authorize', {'idTag': 'CARD-1'})['idTagInfo']
    assert info['status'] == 'Blocked', 'and so is who holds a card to it'
    assert updates.lease('other/1')['hindrance'] == 'HINDRANCE_LEASED'
    updates.end()
    assert events.wait('LeaseChanged')['event']['ended'] == 'c/1'
    events.close()
    station.answer('RemoteStartTransaction', {'status': 'Accepted'})
    assert start(cloud)['status'] == 'Accepted'


def test_what_stands_in_the_way_of_a_lease_is_named(cloud, station, updates):
    assert updates.claim()['claimed']
    assert updates.claim()['claimed'], 'again: the same'
    assert updates.lease()['hindrance'] == 'HINDRANCE_PAID'
    cloud.call(UPDATES + 'Unclaim', {'device': DEVICE, 'order': 'O-1'})
    station.answer('ReserveNow', {'status': 'Accepted'})
    reservation = cloud.call('galvan.charging.v1.Charging/Reserve',
                             {'device': DEVICE, 'connector': 1, 'token': 'CARD-1', 'expiresAtMs': in_ms(3600000)})
    assert updates.lease()['hindrance'] == 'HINDRANCE_RESERVED'
    station.answer('CancelReservation', {'status': 'Accepted'})
    cloud.call('galvan.charging.v1.Charging/CancelReservation', {'device': DEVICE, 'reservationId': reservation['reservationId']})
    station.answer('RemoteStartTransaction', {'status': 'Accepted'})
    start(cloud)
    assert updates.lease()['hindrance'] == 'HINDRANCE_SESSION', 'the start is under way'
    transaction = station.call('StartTransaction', {'connectorId': 1, 'idTag': 'CARD-1', 'meterStart': 0, 'timestamp': '2025-01-15T00:00:00Z'})
    assert updates.lease()['hindrance'] == 'HINDRANCE_SESSION'
    station.call('StopTransaction', {'transactionId': transaction['transactionId'], 'meterStop': 1, 'timestamp': '2025-01-15T01:00:00Z'})
    assert updates.lease()['granted']
    assert cloud.call(UPDATES + 'Lease', {'device': 'ocpp:NOBODY', 'id': 'x', 'untilMs': in_ms(1000)})['hindrance'] == 'HINDRANCE_UNKNOWN'


def test_a_session_that_begins_at_the_charger_takes_an_unused_lease(cloud, station, updates):
    assert updates.lease()['granted']
    events = cloud.events('LeaseChanged', 'SessionStarted')
    station.call('StartTransaction', {'connectorId': 1, 'idTag': 'CARD-1', 'meterStart': 0, 'timestamp': '2025-01-15T00:00:00Z'})
    assert events.wait('LeaseChanged')['event']['reason'] == 'started'
    events.close()
    with pytest.raises(Refused, match='does not stand'):
        updates.install(url='http://127.0.0.1/x')


def test_a_claim_ends_with_its_orders_session(cloud, station, updates):
    updates.claim(token='CARD-1')
    station.call('StartTransaction', {'connectorId': 1, 'idTag': 'CARD-1', 'meterStart': 0, 'timestamp': '2025-01-15T00:00:00Z'})
    assert updates.state()['claims'] == []


def test_claims_and_leases_outlive_a_crash(cloud, station, updates):
    updates.lease()
    cloud.kill()
    cloud.start()
    assert updates.state()['lease']['id'] == 'c/1'
    assert not updates.claim()['claimed']


def test_a_lease_ends_by_itself(cloud, station, updates):
    events = cloud.events('LeaseChanged')
    updates.lease(ms=1500)
    events.wait('LeaseChanged', lambda e: e['event']['reason'] == 'expired')
    events.close()
    assert updates.claim()['claimed']


def test_firmware_is_handed_over_once_and_its_steps_are_told_once(cloud, station, updates):
    station.answer('UpdateFirmware', {})
    updates.lease()
    events = cloud.events('UpdateProgressed', 'DeviceIdentified')
    assert updates.install(url='http://127.0.0.1/v2.bin')['accepted']
    assert updates.install(url='http://127.0.0.1/v2.bin')['accepted'], 'the same again is not asked again'
    assert station.asked('UpdateFirmware')['location'] == 'http://127.0.0.1/v2.bin'
    for status in 'Downloading', 'Downloading', 'Downloaded', 'Installing', 'Installed':
        station.call('FirmwareStatusNotification', {'status': status})
    steps = [events.wait('UpdateProgressed')['event']['progress'] for _ in range(4)]
    assert [s['step'] for s in steps] == ['STEP_DOWNLOADING', 'STEP_DOWNLOADED', 'STEP_INSTALLING', 'STEP_INSTALLED']
    assert {s['id'] for s in steps} == {'u1'}
    boot(station, '2.0')
    assert events.wait('DeviceIdentified')['event']['identity']['version'] == '2.0'
    events.close()
    cancelled = cloud.call(UPDATES + 'CancelInstall', {'device': DEVICE, 'id': 'u1'})
    assert not cancelled['cancelled'] and 'cannot be taken back' in cancelled['detail']


def configuration(station, values, read_only=()):
    station.answer('GetConfiguration', {'configurationKey': [{'key': k, 'value': v, 'readonly': k in read_only} for k, v in values.items()]})


def test_settings_are_set_and_read_back(cloud, station, updates):
    configuration(station, {'HeartbeatInterval': '77', 'ConnectionTimeOut': '60'})
    station.answer('ChangeConfiguration', {'status': 'Accepted'})
    updates.lease()
    assert updates.install(kind='config', settings=[{'key': 'HeartbeatInterval', 'value': '77'}])['accepted']
    updates.wait('u1', 'STEP_INSTALLED')
    refused = updates.install('u2', kind='config', settings=[{'key': 'Nonsense', 'value': '1'}])
    assert not refused['accepted'] and 'Nonsense is not known' in refused['detail']


def test_settings_that_do_not_take_are_put_back(cloud, station, updates):
    configuration(station, {'HeartbeatInterval': '300', 'ConnectionTimeOut': '60'})
    station.answer('ChangeConfiguration', {'status': 'Accepted'})
    updates.lease()
    assert updates.install(kind='config', settings=[{'key': 'HeartbeatInterval', 'value': '77'},
                                                    {'key': 'ConnectionTimeOut', 'value': '9'}])['accepted']
    updates.wait('u1', 'STEP_REVERTED')
    assert 'accepted setting HeartbeatInterval and has "300" all the same' in updates.state()['progress']['detail']
    asked = [station.asked('ChangeConfiguration') for _ in range(2)]
    assert asked == [{'key': 'HeartbeatInterval', 'value': '77'}, {'key': 'HeartbeatInterval', 'value': '300'}]


def test_settings_that_need_a_restart_are_looked_at_after_it(cloud, station, updates):
    configuration(station, {'HeartbeatInterval': '77'})
    station.answer('ChangeConfiguration', {'status': 'RebootRequired'})
    station.answer('Reset', {'status': 'Accepted'})
    updates.lease()
    assert updates.install(kind='config', settings=[{'key': 'HeartbeatInterval', 'value': '77'}])['accepted']
    assert station.asked('Reset')['type'] == 'Soft'
    assert updates.step('u1') == 'STEP_REBOOTING'
    boot(station, '1.0.1')
    updates.wait('u1', 'STEP_INSTALLED')
