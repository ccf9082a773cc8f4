"""A site of 32 A with eight simulated cars at chargers of their own, over real sockets: all of it is shared, and what a charger had that
is gone goes to the others when its time is over."""
import pytest

from galvan import base_config, free_ports, until

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
