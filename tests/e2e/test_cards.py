"""Cards at the charger: private ones are recorded, commercial ones pay from what they hold."""
import pytest

from billing import (Charger, Refused, available, balance, charges, put_customer, start_paid_node, until, until_charges,
                     verify)

INCL = 366  # 6,379 Wh at 0.40 and 0.50 to begin, with 20 %


@pytest.fixture
def node(run):
    return start_paid_node(run)


@pytest.fixture
def charger(node, any_station):
    made = Charger(node, any_station())
    made.connect()
    return made


def put_card(node, name, top_up=0, **more):
    node.bill('PutToken', {'token': dict({'id': name, 'ownPurse': True}, **more)})
    if top_up:
        node.bill('TopUp', {'id': 'top-' + name, 'token': name, 'amount': top_up, 'provider': 'desk', 'desk': 'main'})


def held(node, account):
    return int(node.bill('GetAccount', {'id': account})['account']['debitsPending'])


def state_of(node, card):
    token, = [t for t in node.bill('ListTokens')['tokens'] if t['id'] == card]
    return token['state']


def test_a_commercial_card_pays_when_the_charge_ends(node, charger):
    put_card(node, 'CARD-1', 2000)
    until('ocpp knows that it has money', lambda: charger.authorize('CARD-1') == 'Accepted')
    assert charger.begin('card-1') == 'Accepted', 'compared without regard to case'
    until('the card is held', lambda: held(node, 'card:CARD-1') == 2000)
    charger.end()
    charge, = until_charges(node, 1, token='CARD-1')
    assert charge['price']['incl'] == str(INCL)
    assert charge['order'] == ''
    assert charge['use'] == 'CHARGE_USE_PAID'
    assert available(node, 'card:CARD-1') == 2000 - INCL
    assert balance(node, 'vat:20') == 61
    verify(node)


def test_no_more_is_held_than_the_policy_says(run, any_station):
    node = start_paid_node(run, hold={'card_amount': 1000})
    charger = Charger(node, any_station())
    charger.connect()
    put_card(node, 'CARD-1', 3000)
    charger.begin('CARD-1')
    until('the card is held', lambda: held(node, 'card:CARD-1') == 1000)
    charger.end()
    until_charges(node, 1)
    assert available(node, 'card:CARD-1') == 3000 - INCL
    verify(node)


def test_a_card_of_a_customer_pays_from_the_wallet(node, charger):
    put_customer(node, top_up=5000)
    put_card(node, 'CARD-1', ownPurse=False, customer='C-1')
    charger.begin('CARD-1')
    charger.end()
    charge, = until_charges(node, 1, customer='C-1')
    assert charge['token'] == 'CARD-1'
    assert available(node, 'wallet:C-1') == 5000 - INCL
    verify(node)


def test_a_private_card_is_recorded_and_costs_nothing(node, charger):
    put_card(node, 'CARD-1', use='TOKEN_USE_PRIVATE', ownPurse=False)
    assert charger.begin('CARD-1') == 'Accepted'
    charger.end()
    charge, = until_charges(node, 1)
    assert charge['use'] == 'CHARGE_USE_PRIVATE'
    assert charge['energyWh'] == '6379'
    assert charge['price']['incl'] == '0'
    assert charge['price']['energyUwh'] == '6379000000'
    assert node.bill('ListEntries')['entries'] == [], 'no transfer'
    verify(node)


def test_a_card_that_runs_dry_is_stopped_in_time(node, charger):
    put_card(node, 'CARD-1', 200)
    charger.begin('CARD-1')
    charger.meter(1000, '2025-01-15T02:10:54Z')
    charger.meter(2000, '2025-01-15T02:11:54Z')
    charger.asked_to_stop()
    charger.end(meter=2200, time='2025-01-15T02:12:10Z', reason='Remote')
    charge, = until_charges(node, 1)
    assert charge['flags'] == ['stopped-at-limit']
    assert charge['receivable'] == '0'
    assert 0 <= available(node, 'card:CARD-1') == 200 - int(charge['price']['incl'])
    verify(node)


def test_a_card_that_runs_dry_although_it_was_told_owes_and_is_blocked(node, charger):
    put_card(node, 'CARD-1', 200)
    charger.begin('CARD-1')
    charger.meter(2000, '2025-01-15T02:11:54Z')
    charger.asked_to_stop()
    charger.end()  # it went on to the end
    charge, = until_charges(node, 1)
    assert 'overrun' in charge['flags']
    assert charge['receivable'] == str(INCL - 200)
    assert available(node, 'card:CARD-1') == 0
    assert balance(node, 'receivable:card:CARD-1') == 200 - INCL
    assert state_of(node, 'CARD-1') == 'TOKEN_STATE_BLOCKED'
    verify(node)


def test_an_empty_card_is_stopped_at_once(node, charger):
    """The charger has begun all the same, offline as it may have been."""
    put_card(node, 'CARD-1')
    charger.begin('CARD-1')
    charger.asked_to_stop()
    charger.end(meter=0, time='2025-01-15T02:10:00Z', reason='Remote')
    charge, = until_charges(node, 1)
    assert 'no-funds' in charge['flags']
    verify(node)


def test_a_token_that_nobody_knows_is_charged_to_nobody(node, charger):
    charger.begin('stranger')
    charger.end()
    charge, = until_charges(node, 1, token='STRANGER')
    assert charge['flags'] == ['unpaid']
    assert charge['price']['incl'] == str(INCL), 'what it would have been'
    assert node.bill('ListEntries')['entries'] == []
    verify(node)


def test_a_session_is_charged_once_however_often_its_end_is_told(node, charger):
    put_card(node, 'CARD-1', 2000)
    charger.begin('CARD-1')
    charger.end()
    until_charges(node, 1)
    charger.end()
    node.restart()
    charger.reconnect()
    charger.end()
    charger.begin('CARD-1', meter=6379, time='2025-01-15T03:00:00Z')
    charger.end(meter=7379, time='2025-01-15T03:10:00Z')
    assert len(until_charges(node, 2)) == 2
    verify(node)


def test_a_session_that_began_before_billing_was_there_is_charged(run, any_station):
    node = start_paid_node(run)
    put_card(node, 'CARD-1', 2000)
    node.ctl('unload', 'billing')
    charger = Charger(node, any_station())
    charger.connect()
    charger.begin('CARD-1')
    node.ctl('load', 'billing')
    charger.end()
    charge, = until_charges(node, 1)
    assert charge['price']['incl'] == str(INCL)
    assert available(node, 'card:CARD-1') == 2000 - INCL
    verify(node)


def test_a_meter_that_goes_backwards_costs_nothing_and_says_so(node, charger):
    put_card(node, 'CARD-1', 2000)
    charger.begin('CARD-1', meter=5000)
    charger.end(meter=4000)
    charge, = until_charges(node, 1)
    assert 'meter-backwards' in charge['flags']
    assert charge['energyWh'] == '0'
    assert charge['price']['incl'] == '60', 'to begin'
    verify(node)


def test_a_meter_that_jumps_is_believed_as_far_as_the_connector_goes(node, charger):
    node.put_device('ocpp:CP001', connectors=[{'id': 1, 'maxPowerW': '11000'}])
    put_card(node, 'CARD-1', 500000)
    charger.begin('CARD-1')
    charger.end(meter=900000000, time='2025-01-15T03:09:54Z')
    charge, = until_charges(node, 1)
    assert 'meter-jump' in charge['flags']
    hour_and_a_minute = 11000 * 1.1 * 61 / 60
    assert int(charge['price']['energyUwh']) == pytest.approx(hour_and_a_minute * 1e6, abs=1e6)
    lines = [' '.join(line.split()) for line in node.bill('GetReceipt', {'charge': charge['id']})['lines']]
    assert any(line.startswith('Of it not charged, as the meter cannot be right 8999') for line in lines), 'whoever reads the receipt is told'
    node.wait_log('energy beyond the connector')
    verify(node)


def test_a_late_stop_corrects_what_was_settled_without_it(run, any_station):
    """A second start on the connector says that the first has ended; then its own stop comes, from the queue."""
    node = start_paid_node(run)
    charger = Charger(node, any_station())
    charger.connect()
    put_card(node, 'CARD-1', 2000)
    charger.begin('CARD-1')
    first = charger.transaction
    charger.meter(1000, '2025-01-15T02:20:54Z')
    charger.begin('CARD-1', meter=6379, time='2025-01-15T03:00:00Z')
    charge, = until_charges(node, 1)
    assert charge['energyWh'] == '1000'
    second, charger.transaction = charger.transaction, first
    charger.end()
    corrected, credit, wrong = until_charges(node, 3)
    assert credit['creditOf'] == wrong['id'] == charge['id']
    assert corrected['price']['incl'] == str(INCL)
    assert 'late-stop' in corrected['flags']
    charger.transaction = second
    charger.end(meter=6379, time='2025-01-15T03:10:00Z')
    until_charges(node, 4)
    assert available(node, 'card:CARD-1') == 2000 - INCL - 60
    verify(node)


def test_a_charge_that_people_took_back_is_not_corrected_any_more(node, charger):
    put_card(node, 'CARD-1', 2000)
    charger.begin('CARD-1')
    first = charger.transaction
    charger.meter(1000, '2025-01-15T02:20:54Z')
    charger.begin('CARD-1', meter=6379, time='2025-01-15T03:00:00Z')
    charge, = until_charges(node, 1)
    node.bill('CreditCharge', {'id': charge['id'], 'reason': 'a gift'})
    second, charger.transaction = charger.transaction, first
    charger.end()
    charger.transaction = second
    charger.end(meter=6379, time='2025-01-15T03:10:00Z')
    until('the second is charged', lambda: [c for c in charges(node) if c['session'].endswith('/%d' % second)])
    assert len([c for c in charges(node) if c['session'] == charge['session']]) == 2, 'the charge and its credit'
    assert available(node, 'card:CARD-1') == 2000 - 60
    verify(node)


def test_an_export_and_a_list_agree(node, charger):
    put_card(node, 'CARD-1', 2000)
    for i in range(3):
        charger.begin('CARD-1', meter=1000 * i, time='2025-01-15T0%d:00:00Z' % i)
        charger.end(meter=1000 * i + 500, time='2025-01-15T0%d:30:00Z' % i)
    made = until_charges(node, 3)
    assert [c['id'] for c in made] == ['CDR-%012d' % i for i in (3, 2, 1)], 'newest first, numbered without gaps'
    page = node.bill('ListCharges', {'limit': 2})
    rest = node.bill('ListCharges', {'limit': 2, 'page': page['nextPage']})
    assert [c['id'] for c in page['charges'] + rest['charges']] == [c['id'] for c in made]
    middle = made[1]['endedAtMs']
    assert [c['id'] for c in charges(node, fromMs=middle, untilMs=str(int(middle) + 1))] == [made[1]['id']]
    with pytest.raises(Refused, match='not_found'):
        node.bill('GetCharge', {'id': 'CDR-9'})
