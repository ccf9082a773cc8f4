"""kill -9 of whatever is between a cabinet and the money, at each step of a rental: then the bank is in one place, the money has moved once,
all that the cabinet reported was answered, and no slot was told to open twice blindly."""
import contextlib
import os
import random
import select
import signal
import threading

import pytest

from billing import Refused
from cabinets import TextCabinet
from payments import check_books, stripe_config
from rentals import (available, balance, banks, borrow, cabinet_state, charges, make_known, order, put_customer, rentals, start_lending_node, until,
                     until_ready, verify)

RUNS = int(os.environ.get('GALVAN_CRASH_RUNS', '50'))  # more of them when something is looked for
VICTIMS = ['powerbank', 'billing', 'link', 'node']
# What the cabinet said or heard last when it happens; the first is before it knows of anything.
STEPS = ['borrow', '<CC', '>MC,BO', '<AM,BO', '>MQ', '<RQ', '>MC,RO', '<AM,RO']
COST = 200
FULL = 10000
OVER = ('ORDER_STATE_CLOSED', 'ORDER_STATE_VOIDED')


class LivingCabinet(TextCabinet):
    """Does what it is told and says so until that is answered, over as many connections as it takes."""

    REPEAT_S = 0.3

    def __init__(self, port, jams, on_word):
        super().__init__(port)
        self._jams = jams     # slots that do not open, once each
        self._on_word = on_word
        self._waits = {}      # what was said, to what will answer it
        self._words = []      # ('>' said or '<' heard, words), in order
        self._life = threading.RLock()
        self._stop = threading.Event()
        self._thread_of_life = threading.Thread(target=self._live, daemon=True)

    def start(self):
        self._thread_of_life.start()

    def put_in(self, slot, bank):
        """A person holds a bank to a slot."""
        self._report('MQ,%d,%s' % (slot, bank))

    def is_done(self):
        with self._life:
            return not self._waits

    def stop(self):
        self._stop.set()
        self._thread_of_life.join()
        self.close()

    def _live(self):
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                self.close()
                self.connect()
                while not self._stop.is_set() and not self._closed:
                    with self._life:
                        for words in list(self._waits):
                            self._utter(words)
                    self._stop.wait(self.REPEAT_S)
            self._stop.wait(0.02)  # before it dials again

    def _utter(self, words):
        with self._life:
            self._words.append(('>', words))
            with contextlib.suppress(OSError, AttributeError):  # not connected: it is said again
                self.says(words)
            self._on_word('>' + words)

    def _report(self, words):
        answers = {'MC': 'AM', 'MR': 'AR'}
        command, more = words[:2], words[2:]
        with self._life:
            self._waits[words] = answers[command] + more if command in answers else 'RQ'
        self._utter(words)

    def _answer(self, frame):
        words = ','.join(str(w) for w in (frame.command, frame.sub, frame.slot, frame.bank) if w is not None)
        with self._life:
            self._words.append(('<', words))
            self._on_word('<' + words)
            if frame.command == 'CQ':
                self._words.append(('>', 'AQ'))
                self.send_slots()
            elif frame.command == 'CC':
                self._open(frame.slot, frame.bank)
            elif frame.command == 'RQ':
                self._shut(frame)
            else:
                self._waits = {said: answer for said, answer in self._waits.items() if answer != words}
        return True

    def _open(self, slot, bank):
        if self.banks[slot] != bank or slot in self._jams:
            self._jams.discard(slot)
            self._report('MR,BF,%d,%s' % (slot, bank))
        else:
            self.banks[slot] = None
            self._report('MC,BO,%d,%s' % (slot, bank))

    def _shut(self, frame):
        asked = 'MQ,%d,%s' % (frame.slot, frame.bank)
        if self._waits.pop(asked, None) and frame.sub == 'T':
            self.banks[frame.slot] = frame.bank
            self._report('MC,RO,%d,%s' % (frame.slot, frame.bank))

    def check_log(self):
        """What its raw log must say in the end."""
        words = self._words
        for at, (way, said) in enumerate(words):
            if way == '>' and said[:2] in ('MC', 'MR'):
                answer = {'MC': 'AM', 'MR': 'AR'}[said[:2]] + said[2:]
                assert ('<', answer) in words[at:] or ('>', said) in words[at + 1:], '%s was never answered' % said
        told = set()
        for way, said in words:
            slot = said.split(',')[2] if said[:2] in ('CC', 'MC', 'MR') else None
            if way == '<' and said[:2] == 'CC':
                assert slot not in told, 'slot %s was told to open twice, and nobody had looked' % slot
                told.add(slot)
            elif said[:2] == 'AQ':
                told.clear()
            elif way == '>':
                told.discard(slot)


class Crash:
    """Kills its victim once, the moment its step is reached and a little."""

    def __init__(self, node, victim, step, delay_s):
        self._node, self._victim, self._step, self._delay_s = node, victim, step, delay_s
        self._pid = node.process.pid if victim == 'node' else node.instance(victim)['pid']
        self._reached = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def on_word(self, word):
        if word.startswith(self._step):
            self._reached.set()

    def _wait(self):
        self._reached.wait()
        select.select([], [], [], self._delay_s)
        if self._victim == 'node':
            self._node.restart()
        else:
            os.kill(int(self._pid), signal.SIGKILL)

    def join(self):
        assert self._reached.is_set(), 'it never came to %s' % self._step
        self._thread.join()


class Run:
    def __init__(self, node, cabinet, crash, stripe):
        self.node, self.cabinet, self.crash, self.stripe = node, cabinet, crash, stripe

    def patiently(self, what, act):
        """What people do while the node dies: the same again."""
        def attempt():
            with contextlib.suppress(Refused, ValueError, IndexError):
                return act()
            return None
        return until(what, attempt)

    def borrow(self):
        self.crash.on_word('borrow')
        made = self.patiently('the order is made', lambda: borrow(self.node, self.cabinet, **({'customer': ''} if self.stripe else {})))
        if self.stripe and made['state'] == 'ORDER_STATE_PAYING':
            assert self.stripe.pay('order:O-1')

    def order_is(self, *states):
        def look():
            found = order(self.node, 'O-1')
            return found if found['state'] in ['ORDER_STATE_' + s for s in states] else None
        return self.patiently('the order is ' + ' or '.join(states), look)

    def go(self):
        self.borrow()
        self.order_is('STARTED', 'VOIDED')
        until('the cabinet has said all', self.cabinet.is_done)
        out = {'RL10000001', 'RL1000000003'} - set(self.cabinet.banks.values())
        assert len(out) <= 1
        for bank in out:
            self.cabinet.put_in(2, bank)
        until('the cabinet has said all', self.cabinet.is_done)
        self.crash.join()
        done = self.order_is('CLOSED', 'VOIDED')
        until('the cabinet has said all', self.cabinet.is_done)
        return done

    def check(self, done):
        node, cabinet = self.node, self.cabinet
        until_ready(node, cabinet)
        cabinet.check_log()
        assert banks(node) == {bank: ('IN_SLOT', cabinet.device, slot) for slot, bank in cabinet.banks.items() if bank}
        assert not rentals(node, open=True)
        assert len(rentals(node)) <= 1, 'one order, one rental'
        self.check_money(done)
        verify(node)
        assert not node.call('galvan.kernel.v1.Plugin/ListParked', {'plugin': 'powerbank'})['parked']
        assert cabinet_state(node, cabinet.device)['waiting'] == 0

    def check_money(self, done):
        node = self.node
        used = any(r['state'] == 'RENTAL_STATE_RETURNED' for r in rentals(node))
        paid = COST if done['state'] == 'ORDER_STATE_CLOSED' else 0
        assert used or not paid
        assert len(charges(node)) == used, 'what was used has one charge'
        if self.stripe:
            until('the provider has it', lambda: self.stripe.books().get('order:O-1', (0, 0)) == (paid, 0))
            check_books(node, self.stripe)
        else:
            assert available(node, 'wallet:C-1') == balance(node, 'wallet:C-1')
            assert FULL - available(node, 'wallet:C-1') + sum(int(c['receivable']) for c in charges(node)) == COST * used


@pytest.mark.parametrize('seed', range(RUNS))
def test_kill_9_on_the_way_of_a_rental(run, stripe, seed):
    dice = random.Random(seed)
    victim, step = VICTIMS[seed % len(VICTIMS)], STEPS[seed // len(VICTIMS) % len(STEPS)]
    guest = dice.random() < 0.2
    jams = {1} if dice.random() < 0.25 else set()
    node = start_lending_node(run, **(stripe_config(stripe) if guest else {}))
    stripe.hook = ('127.0.0.1', node.ws_port)
    put_customer(node, top_up=FULL)
    crash = Crash(node, victim, step, dice.choice([0, 0, 0.001, 0.003, 0.01, 0.03]))
    cabinet = LivingCabinet(node.text, jams, crash.on_word)
    make_known(node, cabinet)
    cabinet.start()
    try:
        until_ready(node, cabinet)
        this = Run(node, cabinet, crash, stripe if guest else None)
        this.check(this.go())
    finally:
        cabinet.stop()
