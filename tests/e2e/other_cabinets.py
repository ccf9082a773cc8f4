"""Somebody else's power-bank cabinets: the cabinet's end of both wires of docs/protocols/powerbank.md, written from that page and not from galvan's
code, with every CRC, coverage, order of bytes and style that cabinets have.

    TextCabinet(host, port, imei, slots={1: ('FU', 'RL10000001'), 2: ('EM', None)}, crc='MODBUS', cover='fields', swap=False, style='comma')
    BinaryCabinet(host, port, serial, slots={1: ('524C31417C000041', 4), 2: None})

A thread reads; what the server asks of the inventory is answered at once, unless `answering` is off. Everything else waits to be taken by
wait_for(command). What the server writes wrongly is never overlooked: the next call that waits raises Wrong. `log` has all bytes, both ways.
"""
import collections
import contextlib
import re
import socket
import struct
import threading

from galvan import PATIENCE_S

DIGITS = re.compile(r'[0-9]{15}')
BANK = re.compile(r'[0-9A-Z]{4,20}')
SUBS = {'CC': ('BW',), 'RQ': ('T', 'F'), 'MC': ('BO', 'RO'), 'AM': ('BO', 'RO'), 'MR': ('BF', 'RF'), 'AR': ('BF', 'RF')}
FROM_SERVER = ('CQ', 'CC', 'RQ', 'AM', 'AR')
CRCS = {'MODBUS': (0x8005, 0xffff, True), 'CCITT-FALSE': (0x1021, 0xffff, False), 'XMODEM': (0x1021, 0, False)}
COVERS = ('fields', 'fields+sep', 'frame')
STYLES = ('comma', 'dot')
TOKEN = 0x11223344


class Wrong(Exception):
    """The server wrote what it must not write."""


class Closed(Exception):
    """The server closed the connection."""


# ---- text frames

Frame = collections.namedtuple('Frame', 'imei command sub slot bank slots', defaults=(None, None, None, None))


def reflected(value, bits):
    return int(format(value, '0%db' % bits)[::-1], 2)


def crc16(name, data):
    """As the catalogue of CRCs describes them: polynomial, first value, and whether bits come in and go out reflected."""
    poly, crc, mirrored = CRCS[name]
    for byte in data:
        crc ^= (reflected(byte, 8) if mirrored else byte) << 8
        for _ in range(8):
            crc = crc << 1 & 0xffff ^ (poly if crc & 0x8000 else 0)
    return reflected(crc, 16) if mirrored else crc


def check_digits(fields, sep, crc, cover, swap):
    covered = {'fields': fields, 'fields+sep': fields + sep, 'frame': '{"' + fields + sep}[cover]
    digits = '%04X' % crc16(crc, covered.encode())
    return digits[2:] + digits[:2] if swap else digits


def words_of(frame):
    """What stands behind IMEI and command, but for a list of slots."""
    return [str(w) for w in (frame.sub, frame.slot, frame.bank) if w is not None]


def write_text(frame, crc='MODBUS', cover='fields', swap=False, style='comma'):
    sep = {'comma': ',', 'dot': '.'}[style]
    fields = frame.imei + ',' + frame.command
    if frame.slots is not None:
        fields += ',' + ''.join('.'.join(str(w) for w in entry if w) + ';' for entry in frame.slots)
        sep = ',' if style == 'comma' else ';'
    else:
        fields += ''.join(sep + word for word in words_of(frame) or [''])
    return ('{"%s%s%s"}\r\n' % (fields, sep, check_digits(fields, sep, crc, cover, swap))).encode()


def read_slots(text):
    entries = [tuple(entry.split('.')) for entry in text.split(';') if entry]
    return [(int(entry[0]), entry[1], entry[2] if len(entry) > 2 else None) for entry in entries]


def read_words(imei, command, words):
    sub = words.pop(0) if command in SUBS and words else None
    if command in SUBS and sub not in SUBS[command]:
        raise Wrong('%s knows no %s' % (command, sub))
    if command in ('CH', 'CQ'):
        if words != ['']:
            raise Wrong('%s says %r' % (command, words))
        return Frame(imei, command)
    if len(words) != 2 or not re.fullmatch('[1-9][0-9]?', words[0]) or not BANK.fullmatch(words[1]):
        raise Wrong('%s says %r' % (command, words))
    return Frame(imei, command, sub, int(words[0]), words[1])


def read_text(data, crc='MODBUS', cover='fields', swap=False):
    """One whole frame that must be canonical, in either style. Frame and style."""
    whole = re.fullmatch(r'\{"([0-9]{15},([A-Z]{2})([.,])(.*))([.,;])([0-9A-F]{4})"\}\r\n', data.decode('ascii', 'replace'))
    if not whole:
        raise Wrong('this is no frame: %r' % data)
    fields, command, behind, rest, sep, digits = whole.groups()
    if digits != check_digits(fields, sep, crc, cover, swap):
        raise Wrong('the CRC must be %s: %r' % (check_digits(fields, sep, crc, cover, swap), data))
    imei = fields[:15]
    style = 'comma' if sep == ',' else 'dot'
    frame = Frame(imei, command, slots=read_slots(rest)) if command == 'AQ' else read_words(imei, command, rest.split(behind))
    if write_text(frame, crc, cover, swap, style) != data:
        raise Wrong('%r is written %r' % (frame, data))
    return frame, style


# ---- binary packets

Packet = collections.namedtuple('Packet', 'command payload')
LOGIN, HEARTBEAT, VERSION, SERVER, INVENTORY, LEND, RETURN, REBOOT, ICCID, NETWORK, EJECT = (
    0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x69, 0x72, 0x80)


def text_of(name):
    return struct.pack('>H', len(name) + 1) + name.encode('ascii') + b'\0'


def write_packet(command, payload=b'', token=TOKEN):
    check = 0
    for byte in payload:
        check ^= byte
    return struct.pack('>HBBBL', 7 + len(payload), command, 1, check, token) + payload


def read_packet(data, token=TOKEN):
    """One whole packet, as the server must write it."""
    packet = Packet(data[2], data[9:])
    if data != write_packet(packet.command, packet.payload, token):
        raise Wrong('%s must be %s' % (data.hex(), write_packet(packet.command, packet.payload, token).hex()))
    return packet


# ---- what both have

class Cabinet:
    def __init__(self, host, port):
        self.address = (host, port)
        self.answering = True
        self.log = []  # ('sent' or 'received', bytes), in order, over all connections
        self._socket = None
        self._thread = None
        self._waiting = []
        self._wrong = None
        self._closed = True
        self._change = threading.Condition()
        self._sending = threading.Lock()

    def open(self):
        self._socket = socket.create_connection(self.address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting, self._wrong, self._closed = [], None, False
        self._thread = threading.Thread(target=self._read, args=(self._socket,), daemon=True)
        self._thread.start()

    def close(self):
        """As when the power fails: nothing is said."""
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._socket.close()
            self._socket = None

    def send_raw(self, data):
        with self._sending:
            self.log.append(('sent', data))
            self._socket.sendall(data)

    def received(self):
        """All that came, on all connections."""
        return b''.join(data for way, data in self.log if way == 'received')

    def _take(self, what, fits, limit_s):
        """The first that waits and fits; others go on waiting."""
        def ready():
            return self._wrong or self._closed or any(map(fits, self._waiting))
        with self._change:
            if not self._change.wait_for(ready, limit_s):
                raise TimeoutError('no %s within %g s; waiting: %r' % (what, limit_s, self._waiting))
            if self._wrong:
                raise self._wrong
            for one in filter(fits, self._waiting):
                self._waiting.remove(one)
                return one
        raise Closed('while waiting for %s' % what)

    def waiting(self):
        """What came and was not taken."""
        with self._change:
            return list(self._waiting)

    def wait_closed(self, limit_s=PATIENCE_S):
        with self._change:
            if not self._change.wait_for(lambda: self._closed, limit_s):
                raise TimeoutError('not closed within %g s' % limit_s)

    def _read(self, connection):
        data = b''
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                more = b''
            if not more:
                break
            self.log.append(('received', more))
            data = self._split(data + more)
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _split(self, data):
        """Hears all whole messages in data; the rest of it."""
        while True:
            size = self._size(data)
            if not size or len(data) < size:
                return data
            try:
                message = self._understand(data[:size])
                if self.answering and self._answer(message):
                    message = None
            except (Wrong, OSError) as wrong:
                message = wrong
            with self._change:
                if isinstance(message, Wrong):
                    self._wrong = message
                elif message is not None and not isinstance(message, OSError):
                    self._waiting.append(message)
                self._change.notify_all()
            data = data[size:]


class TextCabinet(Cabinet):
    def __init__(self, host, port, imei='860000000000001', slots=None, crc='MODBUS', cover='fields', swap=False, style='comma'):
        assert DIGITS.fullmatch(imei) and crc in CRCS and cover in COVERS and style in STYLES
        super().__init__(host, port)
        self.imei = imei
        self.slots = dict(slots if slots is not None else {1: ('FU', 'RL10000001'), 2: ('NF', 'RL1000000002'), 3: ('EM', None)})
        self.check = {'crc': crc, 'cover': cover, 'swap': swap}
        self.style = style
        self.heard_style = None  # of the server's last frame

    def connect(self, iccid=None):
        """Says nothing, or the number of its card as modems do. What it is called is in its first frame."""
        self.open()
        if iccid:
            self.send_raw(iccid.encode())
        return self

    def frame(self, command, sub=None, slot=None, bank=None, slots=None):
        return write_text(Frame(self.imei, command, sub, slot, bank, slots), style=self.style, **self.check)

    def send(self, command, sub=None, slot=None, bank=None, slots=None):
        self.send_raw(self.frame(command, sub, slot, bank, slots))

    def send_heartbeat(self):
        self.send('CH')

    def send_slots(self):
        """An inventory, asked or not."""
        self.send('AQ', slots=[(slot, state, bank) for slot, (state, bank) in sorted(self.slots.items())])

    def wait_for(self, command, sub=None, limit_s=PATIENCE_S):
        return self._take('%s %s' % (command, sub or ''), lambda f: f.command == command and sub in (None, f.sub), limit_s)

    # ---- the flows

    def wait_acknowledged(self, command, sub, slot, bank):
        frame = self.wait_for(command)
        if (frame.sub, frame.slot, frame.bank) != (sub, slot, bank):
            raise Wrong('%r is no answer to %s %s %s' % (frame, sub, slot, bank))

    def lend_ok(self, bank=None):
        """Waits to be asked, lets go of what is in that slot (or says that it was another bank), is heard. The CC."""
        asked = self.wait_for('CC')
        inside = bank or self.slots[asked.slot][1] or asked.bank
        self.slots[asked.slot] = ('EM', None)
        self.send('MC', 'BO', asked.slot, inside)
        self.wait_acknowledged('AM', 'BO', asked.slot, inside)
        return asked

    def lend_failed(self):
        """Waits to be asked, cannot, is heard. The CC."""
        asked = self.wait_for('CC')
        self.send('MR', 'BF', asked.slot, asked.bank)
        self.wait_acknowledged('AR', 'BF', asked.slot, asked.bank)
        return asked

    def ask_return(self, slot, bank):
        """May it come in? True or False."""
        self.send('MQ', slot=slot, bank=bank)
        frame = self.wait_for('RQ')
        if (frame.slot, frame.bank) != (slot, bank):
            raise Wrong('%r is no answer to MQ %d %s' % (frame, slot, bank))
        return frame.sub == 'T'

    def return_bank(self, slot, bank, state='NF'):
        """Asks, takes it in, is heard. False: the server does not want it."""
        if not self.ask_return(slot, bank):
            return False
        self.slots[slot] = (state, bank)
        self.send('MC', 'RO', slot, bank)
        self.wait_acknowledged('AM', 'RO', slot, bank)
        return True

    def return_failed(self, slot, bank, said='RF', heard=None):
        """Asks, cannot take it in, is heard. Some firmware says BF for it."""
        if not self.ask_return(slot, bank):
            return False
        self.send('MR', said, slot, bank)
        self.wait_acknowledged('AR', heard or 'RF', slot, bank)
        return True

    # ---- what the thread does

    def _size(self, data):
        return data.find(b'\r\n') + 2 if b'\r\n' in data else 0

    def _understand(self, data):
        frame, self.heard_style = read_text(data, **self.check)
        if frame.imei != self.imei or frame.command not in FROM_SERVER:
            raise Wrong('%r is not for %s' % (frame, self.imei))
        return frame

    def _answer(self, frame):
        if frame.command != 'CQ':
            return False
        self.send_slots()
        return True


class BinaryCabinet(Cabinet):
    def __init__(self, host, port, serial='RL1A031712000015', slots=None, token=TOKEN, iccid='89860401101770982839', version='A.09.01.06'):
        super().__init__(host, port)
        self.serial = serial
        self.slots = dict(slots if slots is not None else {1: ('524C31417C000041', 4), 2: ('524C31417C000044', 2), 3: None})
        self.token = token
        self.iccid = iccid
        self.version = version
        self.server = None  # host, port and heartbeat in s, once it was told another

    def connect(self, random=0x55667788, magic=0x0233):
        """Logs in and returns what the server said: 1 is welcome."""
        self.open()
        self.send(LOGIN, struct.pack('>LH', random, magic) + text_of(self.serial))
        return self.wait_for(LOGIN).payload[0]

    def packet(self, command, payload=b''):
        return write_packet(command, payload, self.token)

    def send(self, command, payload=b''):
        self.send_raw(self.packet(command, payload))

    def send_heartbeat(self):
        """And has it echoed."""
        self.send(HEARTBEAT)
        if self.wait_for(HEARTBEAT).payload:
            raise Wrong('the echo of a heartbeat is not what it was')

    def send_slots(self):
        inside = [(slot, held) for slot, held in sorted(self.slots.items()) if held]
        self.send(INVENTORY, bytes([len(inside)]) + b''.join(bytes([slot]) + bytes.fromhex(bank) + bytes([level]) for slot, (bank, level) in inside))

    def wait_for(self, command, limit_s=PATIENCE_S):
        return self._take('%02x' % command, lambda p: p.command == command, limit_s)

    # ---- the flows

    def lend_ok(self, command=LEND, bank=None):
        """Waits to be asked and lets go of what is in that slot, or says that it was another bank. The slot."""
        slot, = self.wait_for(command).payload
        inside = bank or (self.slots[slot][0] if self.slots[slot] else '00' * 8)
        self.slots[slot] = None
        self.send(command, bytes([slot, 1]) + bytes.fromhex(inside))
        return slot

    def lend_failed(self, command=LEND, bank='00' * 8):
        """Waits to be asked and cannot. The slot."""
        slot, = self.wait_for(command).payload
        self.send(command, bytes([slot, 0]) + bytes.fromhex(bank))
        return slot

    def return_bank(self, slot, bank, level=1):
        """A bank was pushed in; what the server says to that: 1 is accepted, and then it stays."""
        self.send(RETURN, bytes([slot]) + bytes.fromhex(bank))
        answered, result = self.wait_for(RETURN).payload
        if answered != slot:
            raise Wrong('slot %d is no answer to slot %d' % (answered, slot))
        if result == 1:
            self.slots[slot] = (bank, level)
        return result

    # ---- what the thread does

    def _size(self, data):
        return 2 + struct.unpack('>H', data[:2])[0] if len(data) >= 2 else 0

    def _understand(self, data):
        packet = read_packet(data, self.token)
        sizes = {LOGIN: 1, LEND: 1, EJECT: 1, RETURN: 2}
        if packet.command != SERVER and len(packet.payload) != sizes.get(packet.command, 0):
            raise Wrong('%02x with %d bytes of payload' % (packet.command, len(packet.payload)))
        return packet

    def _answer(self, packet):
        if packet.command == INVENTORY:
            self.send_slots()
        elif packet.command in (VERSION, ICCID):
            self.send(packet.command, text_of(self.version if packet.command == VERSION else self.iccid))
        elif packet.command == NETWORK:
            self.send(NETWORK, bytes([21, 0, 7]))
        elif packet.command == SERVER:
            self.server = self._server_of(packet.payload)
            self.send(SERVER)
        elif packet.command == REBOOT:
            self.send(REBOOT)
        else:
            return False
        return True

    def _server_of(self, payload):
        texts = []
        for _ in range(2):
            size = struct.unpack('>H', payload[:2])[0] if len(payload) >= 2 else 0
            text, payload = payload[2:2 + size], payload[2 + size:]
            if len(text) != size or not text.endswith(b'\0') or b'\0' in text[:-1]:
                raise Wrong('%r is no text' % text)
            texts.append(text[:-1].decode('ascii'))
        if len(payload) != 1 or not payload[0] or not texts[0] or not texts[1].isdigit():
            raise Wrong('%r, %r is no server' % (texts, payload))
        return texts[0], int(texts[1]), payload[0]
