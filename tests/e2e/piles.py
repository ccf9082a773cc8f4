"""Bluetooth piles that share no code with galvan: CPB1 by tests/fixtures/ble/ble_vectors.py, whose library this uses, and a pile's own module
on a WebSocket of somebody else's making."""
import base64
import contextlib
import hashlib
import json
import os
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from websockets.sync.client import connect

from billing import BILLING, TARIFF, put_customer
from galvan import PATIENCE_S, ROOT, base_config, free_ports

sys.path.insert(0, os.path.join(ROOT, 'tests', 'fixtures', 'ble'))
from ble_vectors import frame, raw, sha, tlv, u8, u32, u64  # noqa: E402 (found by the path above)

PILES = 'galvan.ble.v1.Piles/'
START, METER, END, BOOT = 1, 2, 3, 8
REC, REC_END, RCPT_PUT, PUT_RES, START_CMD, START_RES, REC_GET = 0x21, 0x22, 0x24, 0x28, 0x12, 0x13, 0x20
OK, DUPLICATE, GAP, FORK = 0, 26, 25, 24


def fields(data):
    """{tag: value} of canonical fields."""
    out, at = {}, 0
    while at < len(data):
        tag, head = data[at], 2 if data[at] < 0xc0 else 3
        size = int.from_bytes(data[at + 1:at + head], 'big')
        out[tag] = data[at + head:at + head + size]
        at += head + size
    return out


def number(value):
    return int.from_bytes(value, 'big')


def verified(document, letters, public_key):
    """The fields of a document, behind its signature; it fails where that is not the key's."""
    Ed25519PublicKey.from_public_bytes(public_key).verify(document[-64:], b'CPB1-' + letters + document[:-64])
    return fields(document[:-64])


def text(document):
    return base64.b64encode(document).decode()


def signed(key, letters, body):
    return body + key.sign(b'CPB1-' + letters + body)


class Pile:
    """What a pile keeps: a key, a chain of records, a meter. Its network is a WebSocket, as long as it has one."""

    def __init__(self, identity, seed=b'a pile'):
        self.device = 'ble:' + identity
        self.id = hashlib.sha256(identity.encode()).digest()[:16]
        self.key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
        self.public = raw(self.key.public_key())
        self.records, self.hashes = [], [bytes(32)]
        self.meter, self.session, self.jti = 100000, b'', b''
        self.socket, self._lines = None, contextlib.ExitStack()

    def make_known(self, node):
        node.put_device(self.device)
        certificate = node.call(PILES + 'SignCertificate', {'pile': self.id.hex(), 'publicKey': self.public.hex(), 'expires': 4000000000})
        node.call(PILES + 'PutPile', {'device': self.device, 'certificate': certificate['certificate']})
        return self

    # ---- its history

    def _write(self, kind, body):
        seq = len(self.records) + 1
        header = {1: u8(1), 2: u8(kind), 4: self.id, 5: u32(1), 6: u64(seq), 7: self.hashes[-1], 8: u32(1), 9: u64(seq * 1000),
                  0xa: u32(int(time.time())), 0xb: u8(3)}
        document = tlv({**header, **body})
        digest = sha(b'CPB1-REC', document)
        self.hashes.append(digest)
        self.records.append(document + self.key.sign(b'CPB1-RSG' + digest))
        return self.records[-1]

    def _of_session(self):
        return {0xc: u8(1), 0xd: self.session, 0xf: u64(self.meter), **({0xe: self.jti} if self.jti else {})}

    def begin(self, jti=b''):
        self.jti = jti
        self.session = sha(b'CPB1-SID', self.id, u32(1), u64(len(self.records) + 1))[:16]
        return self._write(START, self._of_session())

    def end(self, wh):
        self.meter += wh
        return self._write(END, {**self._of_session(), 0x10: u32(wh), 0x12: u8(1), 0x14: u32(60)})

    def boot(self):
        return self._write(BOOT, {})

    def head(self, nonce=bytes(16)):
        last = {4: self.id, 5: u32(1), 6: u64(len(self.records)), 7: self.hashes[-1], 8: u32(1), 0xa: u32(int(time.time())), 0x22: nonce}
        return signed(self.key, b'HED', tlv(last))

    def accepts(self, receipt, keyset):
        """Whether the cloud's word is for this history; the number up to which it may forget."""
        said = verified(receipt, b'RCP', fields(keyset[:-64])[0x36][4:])
        assert said[4] == self.id and said[7] == self.hashes[number(said[6])]
        return number(said[6])

    # ---- its network

    def connect(self, port):
        line = connect('ws://127.0.0.1:%d/ble/%s' % (port, self.device[4:]), subprotocols=['cpb1'], open_timeout=PATIENCE_S)
        self.socket = self._lines.enter_context(line)
        return self

    def close(self):
        self._lines.close()

    def send(self, kind, counter, body):
        self.socket.send(frame(kind, counter, body))

    def heard(self, kind):
        """(counter, body) of the next message of that type; others are passed over."""
        while True:
            message = self.socket.recv(timeout=PATIENCE_S)
            if message[0] == kind:
                return number(message[2:6]), message[6:]

    def bring(self, record, counter=1):
        """What the cloud says of a record that it is brought."""
        self.send(REC, counter, record)
        while True:
            answered, body = self.heard(PUT_RES)
            if answered == counter:
                return number(fields(body)[1])


def keyset_of(node):
    """The key set in use, which the node's root has signed."""
    said = node.call(PILES + 'GetKeySet')
    document = base64.b64decode(said['document'])
    verified(document, b'KST', bytes.fromhex(said['root']))
    return document


def start_pile_node(run):
    """A node with piles' books and money: a tariff, and a customer who has 100.00. Its WebSocket port is .ws_port."""
    ws, = free_ports(1)
    config = base_config(ws, billing={}, ble={'config': {'cloud': {'secret': 'a secret of the tests only'}}})
    del config['plugins']['ocpp']
    node = run(config)
    node.ws_port = ws
    node.bill = lambda method, request=None: node.call(BILLING + method, request)
    node.bill('PutTariff', {'tariff': {'id': 'T1', 'ocpi': json.dumps(TARIFF)}})
    node.bill('AssignTariff', {'assignment': {'tariff': 'T1'}})
    put_customer(node, top_up=10000)
    return node


def post(node, *records, terminal='phone-1', heads=()):
    """A phone's post of records and heads."""
    return node.call(PILES + 'PutRecords', {'terminal': terminal, 'records': [text(r) for r in records], 'heads': [text(h) for h in heads]})

