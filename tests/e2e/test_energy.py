"""Sites whose power is shared, over real sockets. One of 32 A with eight simulated cars at chargers of their own: all of it is
shared, and what a charger had that is gone goes to the others when its time is over. And one of 16 A with two chargers that are not
ours, one of which takes limits of running sessions only."""
import pytest

from galvan import base_config, free_ports, until
from stations import OcppRpc, PyOcpp

SITE_MA = 32000
W_PER_A = 690  # the simulated chargers reckon with three phases of 230 V
CHARGERS = ['BAY-%04d' % (i + 1) for i in range(8)]
ENERGY = 'galvan.energy.v1.Energy/'
SIM = 'galvan.sim.v1.Sim/'


@pytest.fixture
def site(run):
    ws, = free_ports(1)
    config = base_config(ws)
    config['plugins']['registry'] = {'config': {
        'sites': [{'id': 'yard'}],
        'devices': [{'id': 'ocpp:' + c, 'site': 'yard', 'connectors': [{'id': 1, 'phases': 3}]} for c in CHARGERS]}}
    config['plugins']['ocpp'] = {'config': {'unknown_token': 'accept'}}
    config['plugins']['energy'] = {'config': {
        'valid_s': 4, 'answer_s': 2, 'late_s': 1, 'drift_s': 1, 'interval_s': 1, 'retry_s': 1,
        'sites': [{'id': 'yard', 'limit_ma': SITE_MA, 'pause_when_lost': True}]}}
    config['plugins']['sim'] = {}
    node = run(config)
    for i, c in enumerate(CHARGERS):
        node.call(SIM + 'AddFleet', {'fleet': {
            'name': c, 'count': 1, 'prefix': 'BAY-', 'first': i + 1, 'url': 'ws://127.0.0.1:%d/ocpp/' % ws,
            'pattern': {'powerW': 22000, 'energyWh': 1000000}}})
    return node


def allocations(node):
    return node.call(ENERGY + 'GetSite', {'id': 'yard'})['state']['allocations']


def drawn_w(node):
    return sum(int(k['powerW']) for c in node.call(SIM + 'ListChargers')['chargers'] for k in c['connectors'])


def shared(node, chargers):
    """The allocations, once the chargers have all of the limit between them."""
    def ready():
        now = allocations(node)
        given = {a['device']: int(a['allowanceMa']) for a in now}
        return now if sum(given['ocpp:' + c] for c in chargers) == SITE_MA else None
    return until('%d chargers share %d mA' % (len(chargers), SITE_MA), ready)


def test_eight_cars_share_32_amperes_and_what_a_lost_charger_had(site):
    until('all chargers have accepted that they may give nothing',
          lambda: [a['known'] for a in allocations(site)] == [True] * len(CHARGERS))
    for c in CHARGERS:
        site.call(SIM + 'Plug', {'charger': c, 'connector': 1})
        site.call(SIM + 'Swipe', {'charger': c, 'connector': 1, 'token': 'CARD'})
    now = shared(site, CHARGERS)
    assert sum(int(a['reservedMa']) for a in now) == SITE_MA
    assert drawn_w(site) <= SITE_MA // 1000 * W_PER_A
    assert sorted(a['state'] for a in now) == ['CHARGING'] * 5 + ['PAUSED'] * 3, 'six amperes are the least that a car can have'

    lost = next(a['device'] for a in now if a['state'] == 'CHARGING').removeprefix('ocpp:')
    site.call(SIM + 'RemoveFleet', {'name': lost})
    rest = [c for c in CHARGERS if c != lost]
    now = shared(site, rest)
    assert [a['state'] for a in now if a['device'] == 'ocpp:' + lost] == ['LOST']
    assert drawn_w(site) <= SITE_MA // 1000 * W_PER_A


# ---- a charger that takes limits of running sessions only ------------------------------------------------------------

ANY, ONLY = 'ocpp:ANY', 'ocpp:ONLY'
NOW = '2026-01-15T02:00:00Z'


class SessionOnly(PyOcpp):
    """It takes TxProfile of the transaction that runs, and no other profile; its connector can be closed."""

    def __init__(self):
        super().__init__()
        self.running = False
        self.answer('GetConfiguration', {'configurationKey': [], 'unknownKey': []})
        self.answer('SetChargingProfile', self._set)
        self.answer('ClearChargingProfile', {'status': 'Unknown'})
        self.answer('ChangeAvailability', self._change)

    def _set(self, payload):
        purpose = payload['csChargingProfiles']['chargingProfilePurpose']
        return {'status': 'Accepted' if self.running and purpose == 'TxProfile' else 'Rejected'}

    def _change(self, payload):
        return {'status': 'Scheduled' if self.running and payload['type'] == 'Inoperative' else 'Accepted'}


def come(station, identity, ws):
    station.connect('ws://127.0.0.1:%d/ocpp/' % ws, identity)
    station.call('BootNotification', {'chargePointVendor': 'V', 'chargePointModel': 'M'})
    station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Available'})


def start(station):
    return station.call('StartTransaction', {'connectorId': 1, 'idTag': 'CARD', 'meterStart': 0, 'timestamp': NOW})['transactionId']


def told(station, purpose, amperes):
    """The next profile of this purpose and so many amperes that the station was given."""
    while True:
        profile = station.asked('SetChargingProfile')['csChargingProfiles']
        limit = profile['chargingSchedule']['chargingSchedulePeriod'][0]['limit']
        if profile['chargingProfilePurpose'] == purpose and limit == amperes:
            return profile


@pytest.fixture
def pair(run):
    ws, = free_ports(1)
    config = base_config(ws)
    config['plugins']['registry'] = {'config': {
        'sites': [{'id': 'yard'}],
        'devices': [{'id': ONLY, 'site': 'yard', 'connectors': [{'id': 1, 'max_current_ma': 10000}]},
                    {'id': ANY, 'site': 'yard', 'connectors': [{'id': 1, 'max_current_ma': 32000}]}]}}
    config['plugins']['energy'] = {'config': {'interval_s': 1, 'sites': [{'id': 'yard', 'limit_ma': 16000}]}}
    node = run(config)
    only, other = SessionOnly(), OcppRpc()
    other.answer('GetConfiguration', {'configurationKey': [], 'unknownKey': []})
    other.answer('SetChargingProfile', {'status': 'Accepted'})
    other.answer('ClearChargingProfile', {'status': 'Accepted'})
    come(other, 'ANY', ws)
    come(only, 'ONLY', ws)
    yield node, only, other
    only.close()
    other.close()


def test_a_charger_that_takes_limits_of_sessions_only_shares_like_any_other(pair):
    node, only, other = pair

    def allocation(device):
        return next(a for a in allocations(node) if a['device'] == device)

    assert only.asked('ChangeAvailability')['type'] == 'Inoperative', 'a limit of nothing, which no profile of it can be without a session'
    assert only.asked('ChangeAvailability')['type'] == 'Operative'
    until('all that it can draw is reserved', lambda: allocation(ONLY)['reservedMa'] == '10000' and allocation(ONLY)['state'] == 'IDLE')
    assert allocation(ONLY)['sessionOnly'] and not allocation(ANY)['sessionOnly']

    start(other)
    told(other, 'TxDefaultProfile', 6)

    only.running = True
    transaction = start(only)
    assert only.asked('ChangeAvailability')['type'] == 'Inoperative', 'before it is limited: nobody may come after it'
    assert told(only, 'TxProfile', 8)['transactionId'] == transaction
    told(other, 'TxDefaultProfile', 8)

    only.running = False
    only.call('StopTransaction', {'transactionId': transaction, 'meterStop': 10, 'timestamp': NOW})
    told(other, 'TxDefaultProfile', 6)
    assert only.asked('ChangeAvailability')['type'] == 'Operative'
    until('it is open', lambda: allocation(ONLY)['state'] == 'IDLE')
    assert sum(int(a['reservedMa']) for a in allocations(node)) == 16000
