"""Somebody before a Bluetooth pile, and the cloud behind him, in Python alone: CPB1 as docs/protocols/ble.md has it, over the loopback of the
driver bluetooth (tests/fixtures/ble/ble_vectors.py has the primitives)."""
import os
import socket
import struct
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from galvan import PATIENCE_S
from piles import fields, number

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'fixtures', 'ble'))
import ble_vectors as cpb1  # noqa: E402  pylint: disable=wrong-import-position

u8, u16, u32, u64, tlv, sha = cpb1.u8, cpb1.u16, cpb1.u32, cpb1.u64, cpb1.tlv, cpb1.sha
HELLO, HELLO_ACK, AUTH, AUTH_OK, START, STOP, REC_GET, REC, REC_END = 1, 2, 0x10, 0x11, 0x12, 0x14, 0x20, 0x21, 0x22
RCPT_PUT, KEYSET_PUT, TIME_PUT, PUT_RES, ERR = 0x24, 0x25, 0x26, 0x28, 0x3f
OK, USED = 0, 17


class Cloud:
    """The root and all keys; signs what the cloud signs, and opens what only it may read."""
    KID, SEAL_KID = 0x20260001, 0x20260002

    def __init__(self):
        self.key, self.seal = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        self.root = cpb1.raw(self.key.public_key())

    def sign(self, domain, document):
        return document + self.key.sign(b'CPB1-' + domain + document)

    def certificate(self, pile, public_key):
        return self.sign(b'CRT', tlv({1: u8(1), 2: u32(1), 4: pile, 6: public_key, 9: u32(0xffffffff)}))

    def keyset(self, no=1):
        key = u32(self.KID) + self.root
        return self.sign(b'KST', tlv({1: u8(1), 2: u32(1), 0xa: u32(int(time.time())), 0x30: u32(no), 0x31: u32(0), 0x32: key, 0x36: key,
                                      0x37: u32(self.SEAL_KID) + cpb1.raw(self.seal.public_key())}))

    def voucher(self, pile, holder, jti, flags=1 | 2 | 8, max_wh=20000):
        now = int(time.time())
        return self.sign(b'VCH', tlv({1: u8(1), 2: u32(self.KID), 3: jti, 4: pile, 5: u8(1), 6: holder, 7: u32(now), 8: u32(now), 9: u32(now + 3600),
                                      0xa: u32(max_wh), 0xb: u16(240), 0xc: u32(1000), 0xd: b'EUR', 0xe: bytes(8), 0xf: u16(flags), 0x11: jti,
                                      0x12: u32(1)}))

    def receipt(self, pile, chain, upto, digest):
        return self.sign(b'RCP', tlv({2: u32(self.KID), 4: pile, 5: u32(chain), 6: u64(upto), 7: digest, 0xa: u32(int(time.time()))}))

    def time(self, pile, nonce):
        return self.sign(b'TIM', tlv({2: u32(self.KID), 4: pile, 0xa: u32(int(time.time())), 0x22: nonce}))

    def opened(self, record):
        """The fields of a record, its sealed body among them."""
        document = record[:-64]
        all_fields = fields(document)
        box = all_fields.pop(0xc0, None)
        if box is None:
            return all_fields
        assert box[:4] == u32(self.SEAL_KID)
        okm = cpb1.hkdf(box[4:36] + cpb1.raw(self.seal.public_key()), self.seal.exchange(X25519PublicKey.from_public_bytes(box[4:36])),
                        b'CPB1 seal', 28)
        header = document[:len(document) - len(box) - 3]
        return {**all_fields, **fields(AESGCM(okm[:16]).decrypt(okm[16:], box[36:], header))}


class PileRefused(Exception):
    def __init__(self, result):
        super().__init__('CPB1 result %d' % result)
        self.result = result


class Loopback:
    """A connection over the driver bluetooth's loopback: a packet an attribute value."""

    def __init__(self, folder, address, mtu):
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(PATIENCE_S)
        self._line.connect(os.path.join(folder, address))
        self._line.send(struct.pack('<BH', 2, mtu))
        kind, theirs = struct.unpack('<BH', self._line.recv(600))
        assert kind == 3
        self.mtu = min(mtu, theirs)

    def write(self, value):
        self._line.send(value)

    def notified(self):
        value = self._line.recv(600)
        assert value, 'the pile has closed the connection'
        return value

    def close(self):
        self._line.close()


class Visit:
    """One connection to a pile, up to the keys."""

    def __init__(self, line, root):
        self._line, self.mtu = line, line.mtu
        self._counter = [0, 0]
        self._segments = [0, 0]
        self._greet(root)

    def close(self):
        self._line.close()

    # ---- messages

    def _put(self, message):
        for at, segment in enumerate(cpb1.segments(message, self.mtu)):
            head = segment[0] & 0xe0 | (self._segments[0] + at) % 32
            self._line.write(bytes([head]) + segment[1:])
        self._segments[0] += len(cpb1.segments(message, self.mtu))

    def _get(self):
        message = b''
        while True:
            value = self._line.notified()
            assert len(value) <= min(512, self.mtu - 3)
            assert value[0] & 0x1f == self._segments[1] % 32
            self._segments[1] += 1
            message += value[3:] if value[0] & 0x80 else value[1:]
            if value[0] & 0x40:
                return message

    def say(self, kind, body=b''):
        self._counter[0] += 1
        self._put(cpb1.gcm(self._keys[0], self._ivs[0], self._counter[0], kind, body))

    def hear(self):
        """The next message: its type and its body."""
        message = self._get()
        self._counter[1] += 1
        assert message[2:6] == u32(self._counter[1])
        nonce = self._ivs[1][:8] + u32(number(self._ivs[1][8:]) ^ self._counter[1])
        return message[0], AESGCM(self._keys[1]).decrypt(nonce, message[6:], message[:6])

    def _answered(self, *kinds):
        kind, body = self.hear()
        assert kind in kinds, 'message %02x' % kind
        answer = fields(body)
        if number(answer[1]) != OK:
            raise PileRefused(number(answer[1]))
        return answer

    # ---- the handshake

    def _greet(self, root):
        own = X25519PrivateKey.generate()
        hello = cpb1.clear(HELLO, tlv({1: u8(1), 0x20: u8(1), 0x21: cpb1.raw(own.public_key()), 0x22: os.urandom(16)}))
        self._put(hello)
        ack = self._get()
        assert ack[0] == HELLO_ACK and cpb1.crc16(ack[:-2]) == ack[-2:]
        body = ack[6:-2]
        self.facts = fields(body)
        self.pile, self.nonce = self.facts[0x23], self.facts[0x22]
        certificate = self.facts[0xc0]
        Ed25519PublicKey.from_public_bytes(root).verify(certificate[-64:], b'CPB1-CRT' + certificate[:-64])
        certified = fields(certificate[:-64])
        assert certified[4] == self.pile
        self.pile_key = Ed25519PublicKey.from_public_bytes(certified[6])
        th = sha(b'CPB1', hello, body[:-67])
        self.pile_key.verify(self.facts[0xc1], b'CPB1-HSP' + th)
        okm = cpb1.hkdf(th, own.exchange(X25519PublicKey.from_public_bytes(self.facts[0x21])), b'CPB1 keys', 88)
        self._keys, self._ivs, self._binding = (okm[:16], okm[16:32]), (okm[32:44], okm[44:56]), okm[56:]

    def put(self, kind, document):
        self.say(kind, document)
        return self._answered(PUT_RES)

    def auth(self, voucher, holder):
        shown = voucher[:-64]
        self.say(AUTH, u16(len(shown)) + voucher + holder.sign(b'CPB1-POP' + self._binding + sha(shown)))
        return self._answered(AUTH_OK, ERR)

    # ---- what a visitor wants

    def start(self, order, connector=1):
        self.say(START, tlv({5: u8(connector), 0x11: order}))
        return self._answered(START + 1)

    def stop(self, order, connector=1):
        self.say(STOP, tlv({5: u8(connector), 0x11: order}))
        return self._answered(STOP + 1)

    def records(self, chain=0, start=1, most=64):
        """Records as they are signed, and the head behind them, each of which the pile has signed."""
        nonce, out = os.urandom(16), []
        self.say(REC_GET, tlv({5: u32(chain), 6: u64(start), 0x22: nonce, 0x28: u16(most)}))
        while True:
            kind, document = self.hear()
            if kind == REC_END:
                self.pile_key.verify(document[-64:], b'CPB1-HED' + document[:-64])
                head = fields(document[:-64])
                assert head[0x22] == nonce
                return out, head
            assert kind == REC, 'message %02x' % kind
            self.pile_key.verify(document[-64:], b'CPB1-RSG' + sha(b'CPB1-REC', document[:-64]))
            out.append(document)


def check_chain(records):
    """One history: numbers without gaps, each with the hash of the one before."""
    before = None
    for record in records:
        at = fields(record[:-64])
        if before is not None:
            assert number(at[6]) == before[0] + 1
            assert at[7] == before[1]
        before = number(at[6]), sha(b'CPB1-REC', record[:-64])
    return before
