"""The binary family of cabinets on its own port: the same rentals, six answers to a return, what people may command; byte for byte."""
import threading

import pytest

from cabinets import EJECT, HEARTBEAT, INVENTORY, LEND, REBOOT, RETURN, write_packet
from rentals import (BinaryCabinet, available, balance, banks, binary_cabinet, borrow, cabinet_state, charges, put_customer, rental, rentals,
                     start_lending_node, text_cabinet, until, until_order, until_ready, until_rental, verify)

FIRST, THIRD = '524C314200000001', '524C314200000003'
SERVER_ERROR, OK, ABNORMAL, REPEATED, ILLEGAL, NOT_EMPTY = range(6)
COST = 200


@pytest.fixture
def node(run):
    made = start_lending_node(run, powerbank={'repeat_window_s': 1})
    put_customer(made, top_up=10000)
    return made


@pytest.fixture
def cabinet(node):
    return binary_cabinet(node)


def lend(node, cabinet, name='O-1', slot=1, bank=FIRST):
    borrow(node, cabinet, name, slot=slot)
    cabinet.hears(LEND, bytes([slot]))
    cabinet.banks[slot] = None
    cabinet.out(LEND, slot, bank)
    until_order(node, name, 'STARTED')


def bring_back(cabinet, slot=2, bank=FIRST, result=OK):
    """It takes a bank first and asks then."""
    cabinet.banks[slot] = bank
    cabinet.put_in(slot, bank)
    cabinet.hears(RETURN, bytes([slot, result]))


def paid_once(node):
    assert until_order(node, 'O-1', 'CLOSED')['cost'] == str(COST)
    charge, = charges(node)
    assert charge['price']['incl'] == str(COST)
    assert available(node, 'wallet:C-1') == balance(node, 'wallet:C-1') == 10000 - COST
    verify(node)
    return charge


def test_it_says_its_name_and_is_told_that_it_is_known(node, cabinet):
    seen = cabinet_state(node, cabinet.device)
    assert (seen['driver'], seen['fullBanks'], seen['freeSlots']) == ('woshi', 2, 1)
    assert [s['chargePercent'] for s in seen['slots']] == ['80', '', '80']
    cabinet.says(HEARTBEAT)
    cabinet.hears(HEARTBEAT)


def test_borrow_and_return(node, cabinet):
    lend(node, cabinet)
    out = rental(node)
    assert (out['state'], out['bank'], out['slot'], out['flags']) == ('RENTAL_STATE_ACTIVE', FIRST, 1, [])
    bring_back(cabinet)
    assert paid_once(node)['bank'] == {'id': FIRST, 'returnDevice': cabinet.device, 'returnSlot': 2, 'sold': False}
    assert banks(node)[FIRST] == ('IN_SLOT', cabinet.device, 2)


def test_borrow_failed_goes_on_at_the_next_slot_and_then_gives_the_money_back(node, cabinet):
    borrow(node, cabinet)
    for slot in (1, 3):
        cabinet.hears(LEND, bytes([slot]))
        cabinet.says(LEND, bytes([slot, 0]))
    until_order(node, 'O-1', 'VOIDED')
    assert available(node, 'wallet:C-1') == 10000
    assert charges(node) == []
    verify(node)


def test_a_report_that_comes_twice_counts_once(node, cabinet):
    lend(node, cabinet)
    for _ in range(2):
        cabinet.out(LEND, 1, FIRST)
    for _ in range(3):
        bring_back(cabinet)
    paid_once(node)
    assert len(rentals(node)) == 1


def test_a_report_that_was_lost_is_read_from_the_inventory(node, cabinet):
    cabinet.answering = False
    borrow(node, cabinet)
    cabinet.hears(LEND, b'\1')
    cabinet.banks[1] = None
    cabinet.hears(INVENTORY)
    cabinet.send_slots()
    until_order(node, 'O-1', 'STARTED')
    assert rental(node)['flags'] == ['inferred']


def test_a_cabinet_that_goes_in_the_middle_says_it_when_it_is_back(node, cabinet):
    borrow(node, cabinet)
    cabinet.hears(LEND, b'\1')
    cabinet.close()
    until_rental(node, 'UNKNOWN')
    cabinet.banks[1] = None
    cabinet.connect()
    until_order(node, 'O-1', 'STARTED')
    bring_back(cabinet)
    paid_once(node)


def test_a_bank_of_one_family_comes_back_at_a_cabinet_of_the_other(node, cabinet):
    other = text_cabinet(node, banks={1: None, 2: None, 3: None})
    lend(node, cabinet)
    other.says('MQ,1,' + FIRST)
    other.hears('RQ,T,1,' + FIRST)
    other.banks[1] = FIRST
    other.says('MC,RO,1,' + FIRST)
    other.hears('AM,RO,1,' + FIRST)
    assert paid_once(node)['bank']['returnDevice'] == other.device


# ---- the six answers to a return


def test_a_return_that_is_welcome(node, cabinet):
    lend(node, cabinet)
    bring_back(cabinet, result=OK)


def test_a_return_while_no_bank_is_known_at_all(node):
    """The books are empty: nothing can be said of any bank."""
    empty = binary_cabinet(node, banks={1: None})
    bring_back(empty, slot=1, result=SERVER_ERROR)
    assert banks(node) == {}


def test_a_return_of_a_bank_that_is_refused(node, cabinet):
    lend(node, cabinet)
    node.rent('PutBank', {'bank': {'id': FIRST, 'refused': True}})
    bring_back(cabinet, result=ABNORMAL)
    assert rental(node)['state'] == 'RENTAL_STATE_ACTIVE'


def test_a_return_of_what_lies_there_already(node, cabinet):
    """Soon after it came in it is the same report once more; later it is another, of what has not left."""
    lend(node, cabinet)
    bring_back(cabinet)
    paid_once(node)

    def answer():
        cabinet.put_in(2, FIRST)
        return cabinet.next()
    until('the window for repeats is over', lambda: answer() == (RETURN, bytes([2, REPEATED])))
    paid_once(node)


def test_a_return_of_somebody_elses_bank(node, cabinet):
    bring_back(cabinet, bank='AAAAAAAAAAAAAAAA', result=ILLEGAL)
    assert 'AAAAAAAAAAAAAAAA' not in banks(node)


def test_a_return_into_a_slot_that_is_not_empty(node, cabinet):
    lend(node, cabinet)
    cabinet.put_in(3, FIRST)
    cabinet.hears(RETURN, bytes([3, NOT_EMPTY]))
    assert rental(node)['state'] == 'RENTAL_STATE_ACTIVE'
    assert banks(node)[THIRD] == ('IN_SLOT', cabinet.device, 3)


# ---- what people command


def test_a_forced_eject(node, cabinet):
    said = {}

    def eject():
        said.update(node.rent('Eject', {'device': cabinet.device, 'slot': 3, 'force': True}))
    person = threading.Thread(target=eject)
    person.start()
    cabinet.hears(EJECT, b'\3')
    cabinet.banks[3] = None
    cabinet.out(EJECT, 3, THIRD)
    person.join()
    assert (said['status'], said['bank']) == ('Ejected', THIRD)
    assert banks(node)[THIRD][0] == 'OUT'
    assert available(node, 'wallet:C-1') == 10000
    verify(node)


def test_it_is_told_another_server_and_to_start_anew(node, cabinet):
    node.rent('Command', {'device': cabinet.device, 'command': 'set-server', 'address': 'cabinets.example.com:9011', 'heartbeatS': 45})
    until('it knows', lambda: cabinet.server == ('cabinets.example.com', 9011, 45))
    node.rent('Command', {'device': cabinet.device, 'command': 'reboot'})
    until('it has heard', lambda: cabinet.received().endswith(write_packet(REBOOT)))


def test_an_unknown_cabinet_is_told_nothing(node, cabinet):
    """Its login has no answer; with what cannot be read its stream has lost its step, and is closed."""
    stranger = BinaryCabinet(node.binary, 'NOBODY')
    stranger.open()
    stranger.log_in()
    stranger.put_in(1, FIRST)
    stranger.send_raw(b'\xff\xff')
    stranger.wait_closed()
    assert stranger.received() == b''


def test_a_wrong_check_is_not_answered_and_closes_at_the_fifth(node, cabinet):
    wrong = bytearray(write_packet(RETURN, bytes([2]) + bytes.fromhex(FIRST)))
    wrong[4] ^= 1
    for _ in range(4):
        cabinet.send_raw(bytes(wrong))
    cabinet.says(HEARTBEAT)
    cabinet.hears(HEARTBEAT)
    cabinet.send_raw(bytes(wrong))
    cabinet.wait_closed()
    until_ready(node, cabinet.connect())
