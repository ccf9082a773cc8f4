"""Tariffs on a running node: put, assigned, quoted, and there again after it was killed."""
import json

import pytest

from galvan import Refused, base_config, free_ports, until

BILLING = 'galvan.billing.v1.Billing/'

# OCPI's own example of a complex tariff, with its numbers only.
COMPLEX = {
    'id': 'complex', 'country_code': 'DE', 'party_id': 'ALL', 'currency': 'EUR', 'type': 'REGULAR', 'last_updated': '2024-01-01T00:00:00Z',
    'tariff_alt_url': 'https://company.example/tariffs/complex', 'x_of_ours': {'kept': [1, None, 'as it is']},
    'elements': [
        {'price_components': [{'type': 'FLAT', 'price': 2.50, 'vat': 15, 'step_size': 1}]},
        {'price_components': [{'type': 'TIME', 'price': 1.00, 'vat': 20, 'step_size': 900}], 'restrictions': {'max_current': 32}},
        {'price_components': [{'type': 'TIME', 'price': 2.00, 'vat': 20, 'step_size': 600}],
         'restrictions': {'min_current': 32, 'day_of_week': ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY']}},
        {'price_components': [{'type': 'TIME', 'price': 1.25, 'vat': 20, 'step_size': 600}],
         'restrictions': {'min_current': 32, 'day_of_week': ['SATURDAY', 'SUNDAY']}},
        {'price_components': [{'type': 'PARKING_TIME', 'price': 5.00, 'vat': 10, 'step_size': 300}],
         'restrictions': {'start_time': '09:00', 'end_time': '18:00', 'day_of_week': ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY']}},
        {'price_components': [{'type': 'PARKING_TIME', 'price': 6.00, 'vat': 10, 'step_size': 300}],
         'restrictions': {'start_time': '10:00', 'end_time': '17:00', 'day_of_week': ['SATURDAY']}},
    ],
}


@pytest.fixture
def node(run):
    ws, = free_ports(1)
    return run(base_config(ws, billing={}))


def put(node, tariff):
    return node.call(BILLING + 'PutTariff', {'tariff': {'id': tariff['id'], 'ocpi': json.dumps(tariff)}})['tariff']


def plain(id, price):
    return {'id': id, 'currency': 'EUR', 'elements': [{'price_components': [{'type': 'ENERGY', 'price': price, 'vat': 20, 'step_size': 1}]}]}


def assign(node, **assignment):
    node.call(BILLING + 'AssignTariff', {'assignment': assignment})


def quote(node, **request):
    return node.call(BILLING + 'Quote', request)


def tariffs(node):
    return {t['id']: t for t in node.call(BILLING + 'ListTariffs')['tariffs']}


def test_a_tariff_comes_back_without_loss_and_again_after_kill_9(node):
    put(node, COMPLEX)
    node.restart()
    kept = tariffs(node)['complex']['ocpi']
    assert json.loads(kept) == COMPLEX
    assert put(node, json.loads(kept))['ocpi'] == kept, 'what was exported is imported as the same'


def test_a_quote_follows_the_site_of_the_device_across_kill_9(node):
    put(node, plain('city', 0.49))
    put(node, plain('all', 0.25))
    node.call('galvan.registry.v1.Registry/PutSite', {'site': {'id': 'CITY', 'timeZone': 'Europe/Berlin'}})
    node.put_device('ocpp:CP001', site='CITY', connectors=[{'id': 1, 'maxPowerW': '22000'}])
    assign(node, tariff='all')
    assign(node, site='CITY', tariff='city')
    first = quote(node, device='ocpp:CP001', connector=1, energyWh='6379')
    assert first['tariff']['id'] == 'city'
    assert (first['price']['excl'], first['price']['incl']) == ('313', '375')
    node.restart()
    again = quote(node, device='ocpp:CP001', connector=1, energyWh='6379', startMs=first['price']['periods'][0]['startMs'])
    assert again == first
    node.call('galvan.registry.v1.Registry/PutSite', {'site': {'id': 'ELSEWHERE'}})
    node.put_device('ocpp:CP001', site='ELSEWHERE')
    until('billing has heard', lambda: quote(node, device='ocpp:CP001')['tariff']['id'] == 'all')


def test_times_of_the_day_are_those_of_the_site(node):
    put(node, {'id': 'night', 'currency': 'EUR', 'elements': [
        {'price_components': [{'type': 'ENERGY', 'price': 0.1, 'step_size': 1}], 'restrictions': {'start_time': '22:00', 'end_time': '06:00'}},
        {'price_components': [{'type': 'ENERGY', 'price': 1, 'step_size': 1}]}]})
    assign(node, tariff='night')
    node.call('galvan.registry.v1.Registry/PutSite', {'site': {'id': 'TOKYO', 'timeZone': 'Asia/Tokyo'}})
    node.put_device('ocpp:TOKYO', site='TOKYO')
    noon_utc = 1768478400000  # 2026-01-15T12:00:00Z: 21:00 in Tokyo
    there = {'energyWh': '2000', 'chargingS': '7200', 'startMs': str(noon_utc)}
    until('billing has heard', lambda: quote(node, device='ocpp:TOKYO', **there)['price']['excl'] == '110')
    assert quote(node, device='ocpp:UTC', **there)['price']['excl'] == '200'


@pytest.mark.parametrize('change, field', [
    (lambda t: t['elements'][1]['restrictions'].update(min_current=40), 'elements[1].restrictions'),
    (lambda t: t['elements'][4]['restrictions'].update(start_time='25:00'), 'elements[4].restrictions.start_time'),
    (lambda t: t['elements'].append(t['elements'][0]), 'elements[6]'),
    (lambda t: t['elements'][0]['price_components'][0].update(price=-1), 'elements[0].price_components[0].price'),
    (lambda t: t['elements'][1]['restrictions'].update(unknown=1), 'unknown'),
    (lambda t: t.update(currency='EUX'), 'currency'),
])
def test_a_tariff_that_cannot_be_meant_is_refused_by_its_field_and_the_one_before_stays(node, change, field):
    before = put(node, COMPLEX)
    wrong = json.loads(json.dumps(COMPLEX))
    change(wrong)
    with pytest.raises(Refused) as refused:
        put(node, wrong)
    assert refused.value.code == 'invalid_argument'
    assert field in refused.value.text
    assert tariffs(node)['complex'] == before
