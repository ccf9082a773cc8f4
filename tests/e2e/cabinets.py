"""Somebody else's cabinets, in the words of the tests of rentals: what is said and heard stands there as it goes over the wire, in its order,
byte for byte. What lies in the slots is `banks`; questions for it are answered by a thread.

    cabinet.hears('CC,BW,1,RL10000001')     between IMEI and CRC: the next that it hears must be exactly this
    cabinet.says('MC,BO,1,RL10000001')
"""
import other_cabinets
from galvan import PATIENCE_S
from other_cabinets import EJECT, HEARTBEAT, INVENTORY, LEND, LOGIN, REBOOT, RETURN, SUBS, Frame, text_of, write_packet

IMEI = '860000000000001'
SERIAL = 'RL1A031712000015'


def frame_of(imei, words):
    """The frame of 'MC,BO,1,RL10000001' or 'CH,'."""
    command, *more = words.split(',')
    sub = more.pop(0) if command in SUBS else None
    return Frame(imei, command, sub, int(more[0]), more[1]) if more != [''] else Frame(imei, command)


class Heard:
    """What both families share."""

    def next(self, limit_s=PATIENCE_S):
        """What it hears next, answered questions left out. Closed: nothing, ever."""
        return self._take('word', lambda message: True, limit_s)


class TextCabinet(Heard, other_cabinets.TextCabinet):
    def __init__(self, port, identity=IMEI, banks=None):
        super().__init__('127.0.0.1', port, identity)
        self.device = 'powerbank:' + identity
        self.banks = dict(banks or {1: 'RL10000001', 2: None, 3: 'RL1000000003'})

    def connect(self):
        """It says nothing of itself but its heartbeat."""
        super().connect()
        self.says('CH,')
        return self

    def bytes_of(self, words):
        return other_cabinets.write_text(frame_of(self.imei, words))

    def says(self, words):
        self.send_raw(self.bytes_of(words))

    def hears(self, words):
        got = self.next()
        assert (got, self.heard_style) == (frame_of(self.imei, words), 'comma'), 'instead of ' + words

    def send_slots(self):
        self.slots = {slot: ('FU' if bank else 'EM', bank) for slot, bank in self.banks.items()}
        super().send_slots()


class BinaryCabinet(Heard, other_cabinets.BinaryCabinet):
    def __init__(self, port, identity=SERIAL, banks=None):
        super().__init__('127.0.0.1', port, identity)
        self.device = 'powerbank:' + identity
        self.banks = dict(banks or {1: '524C314200000001', 2: None, 3: '524C314200000003'})

    def connect(self):
        assert super().connect() == 1, 'it is not welcome'
        return self

    def log_in(self):
        """Without waiting for an answer."""
        self.says(LOGIN, bytes(6) + text_of(self.serial))

    def says(self, command, payload=b''):
        self.send(command, payload)

    def hears(self, command, payload=b''):
        assert self.next() == (command, payload)

    def out(self, command, slot, bank):
        """A slot opened, and this came out."""
        self.says(command, bytes([slot, 1]) + bytes.fromhex(bank))

    def put_in(self, slot, bank):
        self.says(RETURN, bytes([slot]) + bytes.fromhex(bank))

    def send_slots(self):
        self.slots = {slot: (bank, 4) if bank else None for slot, bank in self.banks.items()}
        super().send_slots()


__all__ = ['EJECT', 'HEARTBEAT', 'IMEI', 'INVENTORY', 'LEND', 'REBOOT', 'RETURN', 'BinaryCabinet', 'TextCabinet', 'write_packet']
