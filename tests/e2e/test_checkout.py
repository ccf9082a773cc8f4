"""Payment first, then start: on the real binary, with a charger of somebody else's making."""
import base64
import csv
import io
import json

import pytest

from billing import (Charger, Refused, available, balance, charges, order, put_customer, start_paid_node, until_charges,
                     until_order, verify)

# 6,379 Wh at 0.40 and 0.50 to begin: 3.0516 before tax, 3.66192 with it
EXCL, INCL = 305, 366


@pytest.fixture
def node(run):
    return start_paid_node(run)


@pytest.fixture
def charger(node, any_station):
    made = Charger(node, any_station())
    made.connect()
    return made


def checkout(node, name='O-1', **more):
    return node.bill('Checkout', dict({'id': name, 'device': 'ocpp:CP001', 'connector': 1, 'customer': 'C-1'}, **more))['order']


def test_a_customer_pays_charges_and_gets_the_rest_back(node, charger):
    put_customer(node, top_up=10000)
    made = checkout(node)
    assert made['state'] == 'ORDER_STATE_STARTING'
    assert made['held'] == '5000'
    assert available(node, 'wallet:C-1') == 5000, 'held before the charger is told'
    token = charger.asked_to_start()
    assert token == made['token']
    assert charger.begin(token) == 'Accepted'
    until_order(node, 'O-1', 'STARTED')
    charger.end()
    done = until_order(node, 'O-1', 'CLOSED')
    assert done['cost'] == str(INCL)
    assert done['energyWh'] == '6379'
    assert available(node, 'wallet:C-1') == 10000 - INCL
    assert balance(node, 'income:energy:-') + balance(node, 'income:start:-') == EXCL
    assert balance(node, 'vat:20') == INCL - EXCL
    charge, = charges(node, customer='C-1')
    assert charge['id'] == done['charge']
    assert charge['price']['incl'] == str(INCL)
    assert charge['receivable'] == '0'
    assert charge['flags'] == []
    verify(node)


def test_a_charger_that_refuses_gives_the_money_back_at_once(node, charger):
    put_customer(node, top_up=10000)
    charger.station.answer('RemoteStartTransaction', {'status': 'Rejected'})
    checkout(node)
    done = until_order(node, 'O-1', 'VOIDED')
    assert 'refused' in done['error']
    assert available(node, 'wallet:C-1') == 10000
    assert charges(node) == []
    verify(node)


def test_a_charger_that_is_not_there_gives_the_money_back_after_three_tries(node):
    put_customer(node, top_up=10000)
    checkout(node)
    assert 'not connected' in until_order(node, 'O-1', 'VOIDED')['error']
    assert available(node, 'wallet:C-1') == 10000
    verify(node)


def test_a_checkout_is_one_order_for_ever(node, charger):
    put_customer(node, top_up=10000)
    first = checkout(node)
    again = checkout(node)
    assert again['token'] == first['token']
    assert available(node, 'wallet:C-1') == 5000, 'held once'
    with pytest.raises(Refused, match='already_exists.*O-1'):
        checkout(node, connector=2)
    with pytest.raises(Refused, match='failed_precondition.*taken by order O-1'):
        checkout(node, 'O-2')
    charger.begin(charger.asked_to_start())
    until_order(node, 'O-1', 'STARTED')
    with pytest.raises(Refused, match='failed_precondition'):
        checkout(node, 'O-2')
    charger.end()
    until_order(node, 'O-1', 'CLOSED')
    assert checkout(node)['state'] == 'ORDER_STATE_CLOSED', 'asked once more, long after'


@pytest.mark.parametrize('request_, says', [
    ({'customer': ''}, 'invalid_argument.*customer'),
    ({'customer': 'C-9'}, 'not_found.*C-9'),
    ({'connector': 0}, 'invalid_argument.*connector'),
    ({'device': 'CP001'}, 'invalid_argument.*device'),
    ({'payBy': 'PAY_BY_PROVIDER', 'provider': 'nobody'}, 'invalid_argument.*provider'),
    ({'payBy': 'PAY_BY_PROVIDER', 'provider': 'desk'}, 'invalid_argument.*desk'),
    ({'limit': '-5'}, 'invalid_argument'),
    ({'limit': '10'}, 'failed_precondition.*to begin costs 60'),
    ({'id': 'with blank'}, 'invalid_argument.*id'),
])
def test_what_is_refused_and_why(node, request_, says):
    put_customer(node, top_up=10000)
    with pytest.raises(Refused, match=says):
        checkout(node, **dict({'name': 'O-1'}, **{('name' if k == 'id' else k): v for k, v in request_.items()}))
    assert available(node, 'wallet:C-1') == 10000


def test_without_balance_nothing_starts(node, charger):
    put_customer(node)
    with pytest.raises(Refused, match='top up first'):
        checkout(node)


def test_it_stops_before_the_hold_is_exhausted(node, charger):
    """Of 2.00 held, 0.60 and 0.48 a kWh: after two values the next but one would be beyond it."""
    put_customer(node, top_up=200)
    made = checkout(node)
    assert made['held'] == '200'
    charger.begin(charger.asked_to_start())
    until_order(node, 'O-1', 'STARTED')
    charger.meter(1000, '2025-01-15T02:10:54Z')
    charger.meter(2000, '2025-01-15T02:11:54Z')
    charger.asked_to_stop()
    charger.end(meter=2100, time='2025-01-15T02:12:00Z', reason='Remote')
    done = until_order(node, 'O-1', 'CLOSED')
    assert 'stopped-at-limit' in done['flags']
    assert int(done['cost']) <= 200
    assert available(node, 'wallet:C-1') == 200 - int(done['cost'])
    verify(node)


def test_what_the_hold_does_not_cover_is_owed(node, charger):
    put_customer(node, top_up=200)
    checkout(node)
    charger.begin(charger.asked_to_start())
    charger.end()
    done = until_order(node, 'O-1', 'CLOSED')
    assert 'overrun' in done['flags']
    charge, = charges(node)
    assert charge['receivable'] == str(INCL - 200)
    assert balance(node, 'receivable:C-1') == 200 - INCL
    assert available(node, 'wallet:C-1') == 0
    verify(node)


def test_people_stop_an_order(node, charger):
    put_customer(node, top_up=10000)
    checkout(node)
    charger.begin(charger.asked_to_start())
    until_order(node, 'O-1', 'STARTED')
    node.bill('StopOrder', {'id': 'O-1'})
    charger.asked_to_stop()
    charger.end(reason='Remote')
    until_order(node, 'O-1', 'CLOSED')
    verify(node)


def test_one_that_does_not_start_in_time_is_given_up(run, any_station):
    """Its session, when it comes after all, is stopped at once, and what it used is owed."""
    node = start_paid_node(run, hold={'start_s': 10})
    charger = Charger(node, any_station())
    charger.connect()
    put_customer(node, top_up=10000)
    checkout(node)
    token = charger.asked_to_start()
    until_order(node, 'O-1', 'VOIDED')
    assert available(node, 'wallet:C-1') == 10000
    charger.begin(token)
    charger.asked_to_stop()
    charger.end(meter=100, time='2025-01-15T02:11:00Z', reason='Remote')
    charge, = until_charges(node, 1)
    assert 'late-start' in charge['flags']
    assert 'late-start' in order(node, 'O-1')['flags']
    assert int(charge['price']['incl']) > 0
    verify(node)


def test_a_charge_is_taken_back(node, charger):
    put_customer(node, top_up=10000)
    checkout(node)
    charger.begin(charger.asked_to_start())
    charger.end()
    done = until_order(node, 'O-1', 'CLOSED')
    credit = node.bill('CreditCharge', {'id': done['charge'], 'reason': 'the cable was broken'})['charge']
    assert credit['price']['incl'] == str(-INCL)
    assert credit['creditOf'] == done['charge']
    assert node.bill('CreditCharge', {'id': done['charge'], 'reason': 'again'})['charge']['id'] == credit['id'], 'once'
    assert available(node, 'wallet:C-1') == 10000
    assert balance(node, 'vat:20') == 0
    with pytest.raises(Refused, match='failed_precondition'):
        node.bill('CreditCharge', {'id': credit['id'], 'reason': 'no'})
    verify(node)


def charged(node, charger):
    put_customer(node, top_up=10000)
    checkout(node)
    charger.begin(charger.asked_to_start())
    charger.end()
    return until_order(node, 'O-1', 'CLOSED')['charge']


def test_a_receipt_says_what_was_paid_for(node, charger):
    node.call('galvan.registry.v1.Registry/PutSite', {'site': {'id': 'depot', 'timeZone': 'Europe/Budapest'}})
    node.put_device('ocpp:CP001', site='depot', name='Kertész utca; Müller & Sons €')
    name = charged(node, charger)
    receipt = node.bill('GetReceipt', {'charge': name})
    lines = [' '.join(line.split()) for line in receipt['lines']]
    assert lines[0] == 'RECEIPT ' + name
    assert 'Where Kertész utca; Müller & Sons €' in lines
    assert 'From 2025-01-15 03:09:54 UTC+01:00' in lines
    assert 'Energy 6.379 kWh at 0.4 2.55 EUR' in lines
    assert 'Start 0.50 EUR' in lines
    assert 'Before taxes 3.05 EUR' in lines
    assert 'VAT 20 % 0.61 EUR' in lines
    assert 'Total 3.66 EUR' in lines
    assert 'Paid from the balance 3.66 EUR' in lines
    pdf = base64.b64decode(receipt['pdf'])
    assert pdf.startswith(b'%PDF-') and pdf.rstrip().endswith(b'%%EOF')
    assert node.bill('GetReceipt', {'charge': name})['pdf'] == receipt['pdf'], 'the same each time'


def test_a_charge_is_a_cdr_of_ocpi(node, charger):
    cdr = json.loads(node.bill('GetCharge', {'id': charged(node, charger)})['ocpi'])
    assert cdr['start_date_time'] == '2025-01-15T02:09:54.000Z'
    assert cdr['end_date_time'] == '2025-01-15T02:40:49.000Z'
    assert cdr['total_cost'] == {'excl_vat': 3.05, 'incl_vat': 3.66}
    assert cdr['total_energy'] == 6.379
    assert cdr['total_fixed_cost'] == {'excl_vat': 0.5}
    assert cdr['currency'] == 'EUR'
    assert cdr['tariffs'][0]['id'] == 'T1'
    assert cdr['authorization_reference'] == 'O-1'
    assert sum(d['volume'] for p in cdr['charging_periods'] for d in p['dimensions'] if d['type'] == 'ENERGY') == 6.379


def test_an_export_is_safe_to_open_in_a_spreadsheet(node, charger):
    """A card that names itself as a formula stays text; a reason with quotes and commas stays one cell."""
    node.bill('PutToken', {'token': {'id': '=1+2', 'use': 'TOKEN_USE_PRIVATE'}})
    charger.begin('=1+2')
    charger.end()
    charge, = until_charges(node, 1)
    node.bill('CreditCharge', {'id': charge['id'], 'reason': 'so "broken", it was'})
    rows = list(csv.DictReader(io.StringIO(node.bill('ExportCharges')['csv'])))
    assert [r['charge'] for r in rows] == ['CDR-000000000001', 'CDR-000000000002']
    assert rows[0]['token'] == "'=1+2"
    assert rows[0]['energy_kwh'] == '6.379'
    assert rows[1]['reason'] == 'so "broken", it was'
    assert rows[1]['credit_of'] == rows[0]['charge']
    only = node.bill('ExportCharges', {'fromMs': str(int(charge['endedAtMs']) + 1)})['csv']
    assert len(only.splitlines()) == 1


def test_a_driver_sees_the_own_charges_only(node, charger):
    charged(node, charger)
    with pytest.raises(Refused, match='unauthenticated'):
        node.call('galvan.billing.v1.Driver/ListMyCharges', {'access': 'guessed'})
