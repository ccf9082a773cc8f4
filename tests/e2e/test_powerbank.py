"""Power banks for money, on the real binary over TCP: the flows of the text protocol, each frame byte for byte, each cent in the ledger."""
import threading
import time
from contextlib import closing

import pytest

from billing import Refused
from payments import check_books, stripe_config
from rentals import (TextCabinet, available, balance, banks, borrow, cabinet_state, charges, make_known, order, put_customer, put_terms,
                     rental, rentals, start_lending_node, text_cabinet, until, until_order, until_ready, until_rental, verify)

FIRST, THIRD = 'RL10000001', 'RL1000000003'
OTHER_IMEI = '860000000000002'
COST, COST_EXCL = 200, 167  # one half hour has begun; 1.6667 without 20 % of VAT


@pytest.fixture
def node(run):
    made = start_lending_node(run)
    put_customer(made, top_up=10000)
    return made


@pytest.fixture
def cabinet(node):
    return text_cabinet(node)


def lend(node, cabinet, name='O-1', slot=1, bank=FIRST, **more):
    """Until the bank is out and billing knows."""
    made = borrow(node, cabinet, name, slot=slot, **more)
    cabinet.hears('CC,BW,%d,%s' % (slot, bank))
    cabinet.banks[slot] = None
    cabinet.says('MC,BO,%d,%s' % (slot, bank))
    cabinet.hears('AM,BO,%d,%s' % (slot, bank))
    until_order(node, name, 'STARTED')
    return made


def take_back(cabinet, slot=2, bank=FIRST):
    cabinet.says('MQ,%d,%s' % (slot, bank))
    cabinet.hears('RQ,T,%d,%s' % (slot, bank))
    cabinet.banks[slot] = bank
    cabinet.says('MC,RO,%d,%s' % (slot, bank))
    cabinet.hears('AM,RO,%d,%s' % (slot, bank))


def nothing_moved(node):
    assert available(node, 'wallet:C-1') == 10000
    assert charges(node) == []
    verify(node)


def paid_once(node, name='O-1', cost=COST):
    done = until_order(node, name, 'CLOSED')
    assert done['cost'] == str(cost)
    charge, = charges(node)
    assert charge['id'] == done['charge']
    assert charge['price']['incl'] == str(cost)
    assert charge['receivable'] == '0'
    assert available(node, 'wallet:C-1') == 10000 - cost
    assert balance(node, 'wallet:C-1') == 10000 - cost, 'and nothing is held any more'
    verify(node)
    return charge


# ---- the five flows


def test_borrow_ok(node, cabinet):
    """The money is held, then the slot opens, then the clock runs."""
    made = borrow(node, cabinet)
    assert (made['order'], made['state'], made['held'], made['currency']) == ('O-1', 'ORDER_STATE_STARTING', '5000', 'EUR')
    assert available(node, 'wallet:C-1') == 5000
    cabinet.hears('CC,BW,1,' + FIRST)
    assert order(node, 'O-1')['state'] == 'ORDER_STATE_STARTING', 'not before the cabinet has said so'
    cabinet.banks[1] = None
    cabinet.says('MC,BO,1,' + FIRST)
    cabinet.hears('AM,BO,1,' + FIRST)
    started = until_order(node, 'O-1', 'STARTED')
    out = rental(node)
    assert (out['state'], out['bank'], out['slot'], out['order'], out['flags']) == ('RENTAL_STATE_ACTIVE', FIRST, 1, 'O-1', [])
    assert started['session'] == out['id']
    assert int(out['startedAtMs']) >= int(out['begunAtMs'])
    assert banks(node)[FIRST] == ('RENTED', cabinet.device, 1)
    assert order(node, 'O-1')['cost'] == str(COST), 'the first half hour has begun'
    assert available(node, 'wallet:C-1') == 5000
    assert charges(node) == []
    verify(node)


def test_borrow_failed_goes_on_at_the_next_slot(node, cabinet):
    borrow(node, cabinet)
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.says('MR,BF,1,' + FIRST)
    cabinet.hears('AR,BF,1,' + FIRST)
    cabinet.hears('CC,BW,3,' + THIRD)
    cabinet.banks[3] = None
    cabinet.says('MC,BO,3,' + THIRD)
    cabinet.hears('AM,BO,3,' + THIRD)
    until_order(node, 'O-1', 'STARTED')
    assert rental(node)['slot'] == 3
    assert banks(node)[FIRST] == ('IN_SLOT', cabinet.device, 1)
    assert [s['failures'] for s in cabinet_state(node, cabinet.device)['slots']] == [1, 0, 0]
    verify(node)


def test_borrow_failed_everywhere_gives_the_money_back_at_once(node, cabinet):
    borrow(node, cabinet)
    for slot, bank in ((1, FIRST), (3, THIRD)):
        cabinet.hears('CC,BW,%d,%s' % (slot, bank))
        cabinet.says('MR,BF,%d,%s' % (slot, bank))
        cabinet.hears('AR,BF,%d,%s' % (slot, bank))
    assert 'did not open' in until_order(node, 'O-1', 'VOIDED')['error']
    assert rental(node)['state'] == 'RENTAL_STATE_FAILED'
    nothing_moved(node)


def test_return_ok(node, cabinet):
    """What it cost is taken, the rest of the hold is back, and there is a receipt."""
    lend(node, cabinet)
    take_back(cabinet)
    charge = paid_once(node)
    assert charge['bank'] == {'id': FIRST, 'returnDevice': cabinet.device, 'returnSlot': 2, 'sold': False}
    assert (charge['device'], charge['connector']) == (cabinet.device, 1)
    assert charge['session'] == rental(node)['id']
    assert balance(node, 'income:rental:-') == COST_EXCL
    assert balance(node, 'vat:20') == COST - COST_EXCL
    assert banks(node)[FIRST] == ('IN_SLOT', cabinet.device, 2)
    receipt = [' '.join(line.split()) for line in node.bill('GetReceipt', {'charge': charge['id']})['lines']]
    assert 'Total 2.00 EUR' in receipt
    assert 'Paid from the balance 2.00 EUR' in receipt


def test_return_refused(node, cabinet):
    """A bank of somebody else's: the slot stays shut, and nothing is written."""
    lend(node, cabinet)
    with closing(node.events('CabinetIncident')) as events:
        cabinet.says('MQ,2,FOREIGN999')
        cabinet.hears('RQ,F,2,FOREIGN999')
        said = events.wait('CabinetIncident')['event']
    assert (said['kind'], said['bank']) == ('bank-foreign', 'FOREIGN999')
    assert 'FOREIGN999' not in banks(node)
    assert rental(node)['state'] == 'RENTAL_STATE_ACTIVE'
    assert (available(node, 'wallet:C-1'), charges(node)) == (5000, [])
    verify(node)


@pytest.mark.parametrize('as_told', ['RF', 'BF'])
def test_return_failed(node, cabinet, as_told):
    """Whichever way the firmware puts it: the rental goes on, and ends at another slot."""
    lend(node, cabinet)
    cabinet.says('MQ,2,' + FIRST)
    cabinet.hears('RQ,T,2,' + FIRST)
    cabinet.says('MR,%s,2,%s' % (as_told, FIRST))
    cabinet.hears('AR,RF,2,' + FIRST)
    assert rental(node)['state'] == 'RENTAL_STATE_ACTIVE'
    assert order(node, 'O-1')['state'] == 'ORDER_STATE_STARTED'
    assert charges(node) == []
    take_back(cabinet, slot=1)
    assert paid_once(node)['bank']['returnSlot'] == 1


# ---- what comes late, twice, or elsewhere


def test_return_at_another_cabinet(node, cabinet):
    other = text_cabinet(node, OTHER_IMEI, {1: None, 2: 'RL20000002', 3: None})
    lend(node, cabinet)
    take_back(other, slot=3)
    charge = paid_once(node)
    assert charge['device'] == cabinet.device
    assert charge['bank']['returnDevice'] == other.device
    assert banks(node)[FIRST] == ('IN_SLOT', other.device, 3)


def test_what_is_said_twice_is_answered_twice_and_counts_once(node, cabinet):
    lend(node, cabinet)
    for _ in range(3):
        cabinet.says('MC,BO,1,' + FIRST)
        cabinet.hears('AM,BO,1,' + FIRST)
    cabinet.says('MQ,2,' + FIRST)
    cabinet.hears('RQ,T,2,' + FIRST)
    for _ in range(3):
        cabinet.says('MR,RF,2,' + FIRST)
        cabinet.hears('AR,RF,2,' + FIRST)
    assert cabinet_state(node, cabinet.device)['slots'][1]['failures'] == 1
    take_back(cabinet)
    for _ in range(3):
        cabinet.says('MC,RO,2,' + FIRST)
        cabinet.hears('AM,RO,2,' + FIRST)
    paid_once(node)
    assert len(rentals(node)) == 1


def test_a_lend_that_fails_twice_in_words_fails_once(node, cabinet):
    borrow(node, cabinet)
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.says('MR,BF,1,' + FIRST)
    cabinet.hears('AR,BF,1,' + FIRST)
    cabinet.hears('CC,BW,3,' + THIRD)
    cabinet.says('MR,BF,1,' + FIRST)
    cabinet.hears('AR,BF,1,' + FIRST)
    assert cabinet_state(node, cabinet.device)['slots'][0]['failures'] == 1
    cabinet.banks[3] = None
    cabinet.says('MC,BO,3,' + THIRD)
    cabinet.hears('AM,BO,3,' + THIRD)
    until_order(node, 'O-1', 'STARTED')


def test_a_bank_that_comes_out_after_it_was_given_up_is_the_same_rental(node, cabinet):
    """The money has gone back by then: what it costs is owed."""
    borrow(node, cabinet, slot=1)
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.says('MR,BF,1,' + FIRST)
    cabinet.hears('AR,BF,1,' + FIRST)
    until_order(node, 'O-1', 'VOIDED')
    assert available(node, 'wallet:C-1') == 10000
    cabinet.banks[1] = None
    cabinet.says('MC,BO,1,' + FIRST)
    cabinet.hears('AM,BO,1,' + FIRST)
    late = until_rental(node, 'ACTIVE')
    assert late['flags'] == ['late']
    take_back(cabinet)
    charge, = until('it is charged', lambda: charges(node))
    assert 'late-start' in charge['flags']
    assert int(charge['receivable']) + 10000 - available(node, 'wallet:C-1') == COST
    assert len(rentals(node)) == 1
    verify(node)


def test_a_report_that_was_lost_is_read_from_the_inventory(node, cabinet):
    """The slot opened and nobody said so: the cabinet is asked, and told to open nothing again."""
    borrow(node, cabinet)
    cabinet.answering = False
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.banks[1] = None
    cabinet.hears('CQ,')
    cabinet.send_slots()
    until_order(node, 'O-1', 'STARTED')
    assert rental(node)['flags'] == ['inferred']
    cabinet.answering = True
    cabinet.says('MC,BO,1,' + FIRST)
    cabinet.hears('AM,BO,1,' + FIRST)
    take_back(cabinet)
    paid_once(node)
    assert cabinet.received().count(b',CC,') == 1


def test_a_lend_that_was_lost_is_told_again_after_the_inventory_only(node, cabinet):
    borrow(node, cabinet)
    cabinet.answering = False
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.hears('CQ,')
    cabinet.send_slots()
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.banks[1] = None
    cabinet.says('MC,BO,1,' + FIRST)
    cabinet.hears('AM,BO,1,' + FIRST)
    until_order(node, 'O-1', 'STARTED')
    assert rental(node)['flags'] == []


def test_a_cabinet_that_goes_in_the_middle_says_it_when_it_is_back(node, cabinet):
    borrow(node, cabinet)
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.close()
    until_rental(node, 'UNKNOWN')
    assert available(node, 'wallet:C-1') == 5000, 'held on'
    cabinet.banks[1] = None
    cabinet.connect()
    until_order(node, 'O-1', 'STARTED')
    assert rental(node)['flags'] == ['inferred']
    cabinet.says('MC,BO,1,' + FIRST)
    cabinet.hears('AM,BO,1,' + FIRST)
    take_back(cabinet)
    paid_once(node)


def test_a_borrow_that_is_repeated_is_one_order_for_ever(node, cabinet):
    """Also when the bank that it got was the last."""
    cabinet.banks[3] = None
    node.rent('Audit', {'device': cabinet.device})
    lend(node, cabinet, slot=1)
    again = borrow(node, cabinet, slot=1)
    assert (again['order'], again['state']) == ('O-1', 'ORDER_STATE_STARTED')
    assert available(node, 'wallet:C-1') == 5000, 'held once'
    take_back(cabinet)
    paid_once(node)
    assert len(rentals(node)) == 1


# ---- who may not


def test_an_unknown_cabinet_is_told_nothing(node, cabinet):
    with closing(node.events('CabinetIncident')) as events:
        stranger = TextCabinet(node.text, OTHER_IMEI).connect()
        said = events.wait('CabinetIncident')['event']
    assert (said['kind'], said['device']) == ('unknown-cabinet', stranger.device)
    stranger.says('MQ,2,' + FIRST)
    with pytest.raises(Refused, match='not_found'):
        borrow(node, stranger)
    cabinet.says('MQ,2,' + FIRST)
    cabinet.hears('RQ,T,2,' + FIRST)  # behind all that the stranger has said
    assert stranger.received() == b''
    nothing_moved(node)


def test_the_newest_of_two_of_one_name_wins_and_many_are_an_alarm(node, cabinet):
    with closing(node.events('CabinetIncident')) as events:
        last = cabinet
        for _ in range(8):
            clone = until_ready(node, TextCabinet(node.text).connect())
            last.wait_closed()
            last = clone
        said = events.wait('CabinetIncident', lambda e: e['event']['kind'] == 'flapping')['event']
    assert said['device'] == cabinet.device
    assert 'flapping' in cabinet_state(node, cabinet.device)['alarms']
    borrow(node, last)
    last.hears('CC,BW,1,' + FIRST)


def test_one_that_speaks_by_another_sim_card_may_be_a_clone(node):
    cabinet = make_known(node, TextCabinet(node.text))
    with closing(node.events('CabinetIncident')) as events:
        for card in ('89860000000000000001', '89860000000000000001', '89860000000000000002'):
            cabinet.close()
            cabinet.open()
            cabinet.send_raw(card.encode() + cabinet.bytes_of('CH,'))
            until_ready(node, cabinet)
            until('the card is known', lambda card=card: cabinet_state(node, cabinet.device)['iccid'] == card)
        said = events.wait('CabinetIncident')['event']
    assert said['kind'] == 'clone'
    assert '00002' in said['text'] and '00001' in said['text']


def test_wrong_checks_are_not_answered_and_close_at_the_fifth(node, cabinet):
    for _ in range(4):
        cabinet.send_raw(cabinet.bytes_of('MQ,2,' + FIRST).replace(FIRST.encode(), b'RL10000009'))
    cabinet.says('MQ,2,' + FIRST)
    cabinet.hears('RQ,T,2,' + FIRST)
    cabinet.send_raw(cabinet.bytes_of('MQ,2,' + FIRST).replace(FIRST.encode(), b'RL10000009'))
    cabinet.wait_closed()
    until('it is offline', lambda: not cabinet_state(node, cabinet.device)['online'])


def test_who_speaks_for_another_cabinet_is_closed(node, cabinet):
    text_cabinet(node, OTHER_IMEI, {1: None, 2: None, 3: None})
    for _ in range(3):
        cabinet.send_raw(TextCabinet(node.text, OTHER_IMEI).bytes_of('MC,RO,1,' + FIRST))
    cabinet.wait_closed()
    assert banks(node)[FIRST] == ('IN_SLOT', cabinet.device, 1)


def test_frames_that_come_in_crumbs_are_read_when_they_are_whole(node, cabinet):
    for byte in cabinet.bytes_of('MQ,2,' + FIRST):
        cabinet.send_raw(bytes([byte]))
    cabinet.hears('RQ,T,2,' + FIRST)
    cabinet.send_raw(b''.join(cabinet.bytes_of('MQ,%d,%s' % (n, FIRST)) for n in (1, 2, 3)))
    for n in (1, 2, 3):
        cabinet.hears('RQ,T,%d,%s' % (n, FIRST))


def test_without_balance_no_slot_opens(node, cabinet):
    node.bill('PutCustomer', {'customer': {'id': 'POOR', 'name': 'Bea'}})
    with pytest.raises(Refused, match='top up first'):
        borrow(node, cabinet, customer='POOR')
    assert rentals(node) == []
    assert cabinet.waiting() == []


# ---- other ways to pay, other ends


def test_a_guest_pays_by_provider(run, stripe):
    node = start_lending_node(run, **stripe_config(stripe))
    stripe.hook = ('127.0.0.1', node.ws_port)
    cabinet = text_cabinet(node)
    made = borrow(node, cabinet, customer='')
    assert made['state'] == 'ORDER_STATE_PAYING'
    assert made['url'].startswith('http'), 'where the person pays'
    assert cabinet.waiting() == []
    assert stripe.pay('order:O-1')
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.banks[1] = None
    cabinet.says('MC,BO,1,' + FIRST)
    cabinet.hears('AM,BO,1,' + FIRST)
    until_order(node, 'O-1', 'STARTED')
    take_back(cabinet)
    done = until_order(node, 'O-1', 'CLOSED')
    assert done['cost'] == str(COST)
    assert stripe.books()['order:O-1'] == (COST, 0)
    check_books(node, stripe)
    verify(node)


def test_a_guests_money_is_released_if_nothing_comes_out(run, stripe):
    node = start_lending_node(run, **stripe_config(stripe))
    stripe.hook = ('127.0.0.1', node.ws_port)
    cabinet = text_cabinet(node)
    borrow(node, cabinet, customer='', slot=1)
    assert stripe.pay('order:O-1')
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.says('MR,BF,1,' + FIRST)
    cabinet.hears('AR,BF,1,' + FIRST)
    until_order(node, 'O-1', 'VOIDED')
    assert stripe.books().get('order:O-1', (0, 0)) == (0, 0)
    check_books(node, stripe)
    verify(node)


def test_a_bank_that_is_not_returned_in_time_is_sold(node, cabinet):
    put_terms(node, {'currency': 'EUR', 'intervalS': '1800', 'intervalPrice': '200', 'vatPpm': 200000,
                     'buyout': {'mode': 'BUYOUT_MODE_REPLACE', 'afterS': '2', 'price': '1500'}})
    lend(node, cabinet)
    charge = paid_once(node, cost=1500)
    assert charge['bank']['sold']
    assert rental(node)['state'] == 'RENTAL_STATE_SOLD'
    assert banks(node)[FIRST][0] == 'SOLD'
    assert balance(node, 'income:buyout:-') == 1250
    assert balance(node, 'vat:20') == 250
    cabinet.says('MQ,2,' + FIRST)
    cabinet.hears('RQ,T,2,' + FIRST)  # it may come in all the same; nothing is taken back by that
    assert len(charges(node)) == 1


def test_the_clock_stands_while_the_cabinet_is_away(node, cabinet):
    """A cent a second, and a cabinet that is gone for more than two of them: it could not have taken the bank back."""
    put_terms(node, {'currency': 'EUR', 'intervalS': '1', 'intervalPrice': '1'})
    lend(node, cabinet)
    with closing(node.events('CabinetChanged')) as events:
        cabinet.close()
        events.wait('CabinetChanged', lambda e: not e['event']['cabinet']['online'])
        stopped, = rental(node)['freezes']
        assert (stopped['why'], stopped['untilMs']) == ('offline', '0')
        other = text_cabinet(node, OTHER_IMEI, {1: None, 2: None, 3: None})  # its time goes by while the first is away
        until('two seconds are over', lambda: now_ms(node, other) - int(stopped['fromMs']) > 2000)
        cabinet.connect()
        until_ready(node, cabinet)
    take_back(cabinet)
    done = until_order(node, 'O-1', 'CLOSED')
    over = rental(node)
    stood = sum(int(f['untilMs']) - int(f['fromMs']) for f in over['freezes'])
    lasted = int(over['endedAtMs']) - int(over['startedAtMs'])
    assert stood > 2000
    assert int(done['cost']) == -(-(lasted - stood) // 1000)
    assert available(node, 'wallet:C-1') == 10000 - int(done['cost'])
    verify(node)


def now_ms(node, cabinet):
    """By the node's clock: when it heard this cabinet's heartbeat."""
    cabinet.says('CH,')
    return int(cabinet_state(node, cabinet.device)['lastFrameAtMs'])


# ---- what people do


def test_people_see_and_move_what_is_there(node, cabinet):
    listed = node.rent('ListBanks', {'place': 'in-slot'})['banks']
    assert {b['id'] for b in listed} == {FIRST, THIRD}
    assert [c['device'] for c in node.rent('ListCabinets', {})['cabinets']] == [cabinet.device]
    seen = cabinet_state(node, cabinet.device)
    assert (seen['online'], seen['driver'], seen['crc'], seen['freeSlots'], seen['fullBanks']) == (True, 'ruioo', 'MODBUS/fields', 1, 2)
    assert [s['state'].removeprefix('SLOT_STATE_') for s in seen['slots']] == ['FULL', 'EMPTY', 'FULL']
    frozen = node.rent('FreezeSlot', {'device': cabinet.device, 'slot': 1, 'frozen': True})['slot']
    assert frozen['frozen']
    borrow(node, cabinet)
    cabinet.hears('CC,BW,3,' + THIRD)
    cabinet.banks[3] = None
    cabinet.says('MC,BO,3,' + THIRD)
    cabinet.hears('AM,BO,3,' + THIRD)
    until_order(node, 'O-1', 'STARTED')
    cabinet.banks[1] = None
    differences = node.rent('Audit', {'device': cabinet.device})['differences']
    assert differences == ['slot 1: the books have bank %s, the cabinet has not' % FIRST]
    assert banks(node)[FIRST] == ('MISSING', cabinet.device, 1)
    node.rent('EndRental', {'id': rental(node)['id'], 'how': 'closed', 'reason': 'lost at sea'})
    assert rental(node)['state'] == 'RENTAL_STATE_CLOSED'
    paid_once(node)


def test_people_open_a_slot(node, cabinet):
    said = {}

    def eject():
        said.update(node.rent('Eject', {'device': cabinet.device, 'slot': 3, 'reason': 'cleaning'}))
    person = threading.Thread(target=eject)
    person.start()
    cabinet.hears('CC,BW,3,' + THIRD)
    cabinet.banks[3] = None
    cabinet.says('MC,BO,3,' + THIRD)
    cabinet.hears('AM,BO,3,' + THIRD)
    person.join()
    assert (said['status'], said['bank']) == ('Ejected', THIRD)
    assert banks(node)[THIRD][0] == 'OUT'
    with pytest.raises(Refused, match='unimplemented'):
        node.rent('Eject', {'device': cabinet.device, 'slot': 1, 'force': True})
    with pytest.raises(Refused, match='unimplemented'):
        node.rent('Command', {'device': cabinet.device, 'command': 'set-server', 'address': 'example.com:9010'})
    nothing_moved(node)


def test_the_same_over_http(node, cabinet):
    def ask(method, **request):
        status, reply = node.http.call('galvan.rental.v1.Rental/' + method, request)
        assert status == 200, reply
        return reply
    assert ask('Borrow', id='O-1', device=cabinet.device, customer='C-1')['held'] == '5000'
    cabinet.hears('CC,BW,1,' + FIRST)
    cabinet.banks[1] = None
    cabinet.says('MC,BO,1,' + FIRST)
    cabinet.hears('AM,BO,1,' + FIRST)
    until_order(node, 'O-1', 'STARTED')
    assert ask('ListCabinets', online=True)['cabinets'][0]['device'] == cabinet.device
    assert ask('GetCabinet', device=cabinet.device)['rentals'][0]['bank'] == FIRST
    assert [b['id'] for b in ask('ListBanks', place='rented')['banks']] == [FIRST]
    assert ask('Audit', device=cabinet.device)['differences'] == []
    assert ask('FreezeSlot', device=cabinet.device, slot=2, frozen=True)['slot']['frozen']
    assert ask('EndRental', id=rental(node)['id'], how='closed')['rental']['state'] == 'RENTAL_STATE_CLOSED'
    assert node.http.call('galvan.rental.v1.Rental/GetCabinet', {'device': 'powerbank:NONE'})[0] == 404
    assert node.http.call('galvan.rental.v1.Rental/FreezeSlot', {'device': cabinet.device, 'slot': 100})[0] == 400
    paid_once(node)


def test_a_bank_that_is_refused_is_not_taken(node, cabinet):
    lend(node, cabinet)
    node.rent('PutBank', {'bank': {'id': FIRST, 'refused': True, 'tags': ['swollen']}})
    cabinet.says('MQ,2,' + FIRST)
    cabinet.hears('RQ,F,2,' + FIRST)
    node.rent('PutBank', {'bank': {'id': FIRST, 'refused': False}})
    take_back(cabinet)
    paid_once(node)


def test_a_cabinet_that_is_known_later_lends_then(node):
    with closing(node.events('CabinetIncident')) as events:
        early = TextCabinet(node.text).connect()
        assert events.wait('CabinetIncident')['event']['kind'] == 'unknown-cabinet'
    make_known(node, early)

    def is_ready():
        early.says('CH,')
        return cabinet_state(node, early.device)['ready']
    until('its heart is heard', is_ready)
    borrow(node, early)
    early.hears('CC,BW,1,' + FIRST)


def in_ms(ms):
    return str(int(time.time() * 1000) + ms)


def lease(node, cabinet, name='c/1'):
    return node.call('galvan.update.v1.Updates/Lease', {'device': cabinet.device, 'id': name, 'untilMs': in_ms(600000), 'why': 'firmware 2'})


def test_a_cabinet_that_is_updated_lends_nothing_and_its_clocks_stand(node, cabinet):
    lend(node, cabinet)
    assert lease(node, cabinet)['granted']
    assert rental(node)['freezes'][0]['why'] == 'update', 'who holds a bank cannot give it back there'
    with pytest.raises(Refused, match='out of service'):
        borrow(node, cabinet, 'O-2', slot=3)
    with pytest.raises(Refused, match='is being updated and expected back at .*: nothing was charged'):
        node.bill('Checkout', {'id': 'O-3', 'device': cabinet.device, 'connector': 3, 'customer': 'C-1'})
    with pytest.raises(Refused, match='is being updated'):
        node.rent('PauseCabinet', {'device': cabinet.device})
    node.call('galvan.update.v1.Updates/EndLease', {'device': cabinet.device, 'id': 'c/1'})
    assert rental(node)['freezes'][0]['untilMs'] != '0'
    take_back(cabinet)
    verify(node)


def test_a_bank_that_comes_out_keeps_an_update_off(node, cabinet):
    borrow(node, cabinet, slot=1)
    cabinet.hears('CC,BW,1,%s' % FIRST)
    assert lease(node, cabinet)['hindrance'] in ('HINDRANCE_PAID', 'HINDRANCE_EJECT')
    cabinet.banks[1] = None
    cabinet.says('MC,BO,1,%s' % FIRST)
    until_order(node, 'O-1', 'STARTED')
    assert lease(node, cabinet)['granted'], 'the order has its bank: its claim is over'
