"""Limits on a charger that is not ours: npm's ocpp-rpc in strict mode refuses whatever the specification's schemas do not allow."""
from datetime import datetime, timedelta, timezone

import pytest

from stations import OcppRpc

SET, CLEAR, SCHEDULE = ('galvan.charging.v1.Charging/' + m for m in ('SetLimit', 'ClearLimit', 'GetSchedule'))
DEVICE = 'ocpp:CP001'


def when(text):
    return datetime.fromisoformat(text.replace('Z', '+00:00'))


def composite(profiles, duration_s):
    """What a charger reckons: the profile of the highest stack level that covers an instant."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    periods = []
    for second in range(duration_s):
        instant, best = now + timedelta(seconds=second), None
        for profile in sorted(profiles, key=lambda p: p['stackLevel']):
            schedule = profile['chargingSchedule']
            at = (instant - when(schedule['startSchedule'])).total_seconds()
            if 'duration' in schedule and at >= schedule['duration']:
                continue
            best = [p['limit'] for p in schedule['chargingSchedulePeriod'] if p['startPeriod'] <= at][-1]
        if best is not None and (not periods or periods[-1]['limit'] != best):
            periods.append({'startPeriod': second, 'limit': best})
    return {'status': 'Accepted', 'connectorId': 1, 'scheduleStart': now.isoformat().replace('+00:00', 'Z'),
            'chargingSchedule': {'duration': duration_s, 'chargingRateUnit': 'A', 'chargingSchedulePeriod': periods}}


@pytest.fixture
def charger(cloud):
    station = OcppRpc()
    station.connect(cloud.ws, 'CP001', strict=True)
    station.call('BootNotification', {'chargePointVendor': 'V', 'chargePointModel': 'M'})
    station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Available'})
    station.answer('GetConfiguration', {'configurationKey': [
        {'key': 'ChargeProfileMaxStackLevel', 'readonly': True, 'value': '3'},
        {'key': 'ChargingScheduleAllowedChargingRateUnit', 'readonly': True, 'value': 'Current'}], 'unknownKey': []})
    station.answer('SetChargingProfile', {'status': 'Accepted'})
    station.answer('ClearChargingProfile', {'status': 'Accepted'})
    yield station
    assert station.invalid == []
    station.close()


@pytest.fixture
def cloud(cloud):
    cloud.put_device(DEVICE)
    return cloud


def test_a_limit_is_set_reckoned_alike_and_cleared(cloud, charger):
    reply = cloud.call(SET, {'device': DEVICE, 'connector': 1, 'periods': [{'currentMa': '16100'}], 'validS': 600,
                             'fallback': {'currentMa': '6000'}})
    assert reply['status'] == 'Accepted'
    profiles = [charger.asked('SetChargingProfile')['csChargingProfiles'] for _ in range(2)]
    assert [p['chargingProfilePurpose'] for p in profiles] == ['TxDefaultProfile'] * 2

    charger.answer('GetCompositeSchedule', composite(profiles, 3600))
    reply = cloud.call(SCHEDULE, {'device': DEVICE, 'connector': 1, 'durationS': 3600})
    assert reply['chargerStatus'] == 'Accepted'
    assert reply['equal'] is True
    assert [p['currentMa'] for p in reply['periods']] == ['16100', '6000']

    charger.answer('GetCompositeSchedule', composite(profiles[:1], 3600))
    assert cloud.call(SCHEDULE, {'device': DEVICE, 'connector': 1, 'durationS': 3600})['equal'] is False, 'it has lost the limit'

    assert cloud.call(CLEAR, {'device': DEVICE, 'connector': 1})['status'] == 'Accepted'
    assert {charger.asked('ClearChargingProfile')['id'] for _ in range(2)} == {p['chargingProfileId'] for p in profiles}
    charger.answer('GetCompositeSchedule', {'status': 'Rejected'})
    reply = cloud.call(SCHEDULE, {'device': DEVICE, 'connector': 1})
    assert reply['periods'] == []
    assert reply['chargerStatus'] == 'Rejected'


def test_every_limit_with_one_decimal_passes_the_schemas(cloud, charger):
    """Of many decimals some have no exact double: what is sent must still be one decimal to the other side."""
    for ma in range(6000, 32100, 700):
        reply = cloud.call(SET, {'device': DEVICE, 'connector': 1, 'periods': [{'currentMa': str(ma)}]})
        assert reply['status'] == 'Accepted', ma
        sent = charger.asked('SetChargingProfile')['csChargingProfiles']['chargingSchedule']['chargingSchedulePeriod']
        assert sent == [{'startPeriod': 0, 'limit': ma / 1000}]


def test_a_charger_of_2_0_1_is_told_in_its_own_words(cloud):
    charger = OcppRpc('ocpp2.0.1')
    charger.connect(cloud.ws, 'CP001', strict=True)
    charger.call('BootNotification', {'reason': 'PowerUp', 'chargingStation': {'vendorName': 'V', 'model': 'M'}})
    charger.answer('GetVariables', {'getVariableResult': [
        {'attributeStatus': 'Accepted', 'attributeValue': '3', 'component': {'name': 'SmartChargingCtrlr'},
         'variable': {'name': 'ProfileStackLevel'}}]})
    charger.answer('SetChargingProfile', {'status': 'Accepted'})
    charger.answer('ClearChargingProfile', {'status': 'Accepted'})
    reply = cloud.call(SET, {'device': DEVICE, 'connector': 1, 'periods': [{'currentMa': '16100'}], 'validS': 600,
                             'fallback': {'currentMa': '6000'}})
    assert reply['status'] == 'Accepted'
    sent = [charger.asked('SetChargingProfile') for _ in range(2)]
    assert [s['evseId'] for s in sent] == [1, 1]
    assert [s['chargingProfile']['stackLevel'] for s in sent] == [0, 3]
    charger.answer('GetCompositeSchedule', {'status': 'Accepted', 'schedule': {
        'evseId': 1, 'duration': 300, 'scheduleStart': datetime.now(timezone.utc).isoformat().replace('+00:00', 'Z'),
        'chargingRateUnit': 'A', 'chargingSchedulePeriod': [{'startPeriod': 0, 'limit': 16.1}]}})
    assert cloud.call(SCHEDULE, {'device': DEVICE, 'connector': 1, 'durationS': 300})['equal'] is True
    charger.call('NotifyChargingLimit', {'evseId': 1, 'chargingLimit': {'chargingLimitSource': 'EMS'}, 'chargingSchedule': [
        {'id': 1, 'chargingRateUnit': 'A', 'chargingSchedulePeriod': [{'startPeriod': 0, 'limit': 9.5}]}]})
    reply = cloud.call(SCHEDULE, {'device': DEVICE, 'connector': 1, 'durationS': 300})
    assert [p['currentMa'] for p in reply['periods']] == ['9500']
    assert reply['equal'] is False, 'the charger has not reckoned with it'
    assert cloud.call(CLEAR, {'device': DEVICE, 'connector': 1})['status'] == 'Accepted'

    charger.call('TransactionEvent', {
        'eventType': 'Started', 'timestamp': '2025-01-15T02:00:00Z', 'triggerReason': 'Authorized', 'seqNo': 0, 'evse': {'id': 1},
        'transactionInfo': {'transactionId': 'tx-1'}, 'idToken': {'idToken': 'CARD-1', 'type': 'ISO14443'}})
    answer = charger.call('NotifyEVChargingNeeds', {'evseId': 1, 'chargingNeeds': {
        'requestedEnergyTransfer': 'AC_three_phase',
        'acChargingParameters': {'energyAmount': 20000, 'evMinCurrent': 6, 'evMaxCurrent': 32, 'evMaxVoltage': 400}}})
    assert answer['status'] == 'Accepted'
    profile = charger.asked('SetChargingProfile')['chargingProfile']
    assert (profile['chargingProfilePurpose'], profile['transactionId']) == ('TxProfile', 'tx-1')
    assert [p['limit'] for p in profile['chargingSchedule'][0]['chargingSchedulePeriod']] == [9.5], "the car takes more, the EMS's limit stands"
    plan = {'evseId': 1, 'timeBase': datetime.now(timezone.utc).isoformat().replace('+00:00', 'Z'), 'chargingSchedule': {
        'id': 1, 'chargingRateUnit': 'A', 'chargingSchedulePeriod': [{'startPeriod': 0, 'limit': 9.5}]}}
    assert charger.call('NotifyEVChargingSchedule', plan)['status'] == 'Accepted'
    plan['chargingSchedule']['chargingSchedulePeriod'][0]['limit'] = 16
    assert charger.call('NotifyEVChargingSchedule', plan)['statusInfo']['reasonCode'] == 'OverLimit'
    assert charger.invalid == []
    charger.close()
