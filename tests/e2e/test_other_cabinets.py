"""The Python cabinets against the vectors that galvan's own code is held to, and through all their flows against a server of three lines."""
import contextlib
import json
import os
import socket
import threading

import pytest

from galvan import PATIENCE_S, ROOT
from other_cabinets import (COVERS, CRCS, EJECT, INVENTORY, LEND, LOGIN, RETURN, SERVER, STYLES, BinaryCabinet, Closed, Frame, TextCabinet, Wrong,
                            crc16, read_packet, read_text, text_of, write_packet, write_text)

IMEI = '860000000000001'
D1, D2 = 'RL10000001', 'RL1000000002'
with open(os.path.join(ROOT, 'tests/unit/lib/powerbank_frames.json'), encoding='utf-8') as f:
    VECTORS = json.load(f)


def frame_of(vector):
    said = vector['frame']
    slots = [(slot, state, bank or None) for slot, state, bank in said['slots']] if 'slots' in said else None
    return Frame(IMEI, said['command'], said.get('sub'), said.get('slot'), said.get('bank'), slots)


def wire_of(vector, style, crc, cover, swap):
    text = vector[style]
    digits = text['crc'][crc + '/' + cover]
    return ('{"%s%s%s"}\r\n' % (text['fields'], text['sep'], digits[2:] + digits[:2] if swap else digits)).encode()


def test_crcs_are_those_of_the_catalogue():
    assert [crc16(name, b'123456789') for name in ('MODBUS', 'CCITT-FALSE', 'XMODEM')] == [0x4b37, 0x29b1, 0x31c3]


@pytest.mark.parametrize('swap', [False, True])
@pytest.mark.parametrize('cover', COVERS)
@pytest.mark.parametrize('crc', CRCS)
def test_every_packet_in_both_styles(crc, cover, swap):
    assert len(VECTORS['packets']) == 15
    for vector in VECTORS['packets']:
        for style in STYLES:
            wire = wire_of(vector, style, crc, cover, swap)
            assert write_text(frame_of(vector), crc, cover, swap, style) == wire
            assert read_text(wire, crc, cover, swap) == (frame_of(vector), style)


def test_what_a_server_must_not_write_is_refused():
    bad = [v for v in VECTORS['reject'] if v['from'] == 'server' and v['error'] != 'WRONG_DIRECTION']
    assert len(bad) >= 10
    for vector in bad:
        with pytest.raises(Wrong):
            read_text(vector['text'].encode())


def test_printed_packets_of_the_binary_family():
    assert write_packet(LOGIN, bytes.fromhex('556677880233') + text_of('RL1A031712000015')).hex() == (
        '0020600180112233445566778802330011524c314130333137313230303030313500')
    assert read_packet(bytes.fromhex('00106601411122334401524c31417c000052')) == (RETURN, bytes.fromhex('01524c31417c000052'))
    with pytest.raises(Wrong):
        read_packet(bytes.fromhex('00086001001122334401'))


class Peer:
    """The server's end of one connection, told what to say and what to expect, byte for byte."""

    def __init__(self, listener):
        self._listener = listener
        self._socket = None

    @property
    def port(self):
        return self._listener.getsockname()[1]

    def accept(self):
        self._socket = self._listener.accept()[0]
        self._socket.settimeout(PATIENCE_S)

    def expect(self, data):
        got = b''
        while len(got) < len(data):
            more = self._socket.recv(len(data) - len(got))
            assert more, got
            got += more
        assert got == data

    def say(self, data):
        self._socket.sendall(data)

    def close(self):
        if self._socket:
            self._socket.close()


@pytest.fixture
def peer():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        one = Peer(listener)
        yield one
        one.close()


@contextlib.contextmanager
def talk(cabinet):
    try:
        yield cabinet
    finally:
        cabinet.close()


def text(command, *words, **how):
    names = dict(zip(('sub', 'slot', 'bank'), words))
    return write_text(Frame(IMEI, command, **names), **how)


@pytest.mark.parametrize('how', [{}, {'crc': 'XMODEM', 'cover': 'frame', 'swap': True, 'style': 'dot'}])
def test_a_text_cabinet_lends_and_takes_back(peer, how):
    with talk(TextCabinet('127.0.0.1', peer.port, IMEI, {1: ('FU', D1), 2: ('EM', None)}, **how)) as cabinet:
        cabinet.connect(iccid='89860042191632805141')
        cabinet.send_heartbeat()
        peer.accept()
        peer.expect(b'89860042191632805141' + text('CH', **how))
        peer.say(text('CQ', **how) + text('CC', 'BW', 1, D1, **how)[:7])
        peer.expect(write_text(Frame(IMEI, 'AQ', slots=[(1, 'FU', D1), (2, 'EM', None)]), **how))
        peer.say(text('CC', 'BW', 1, D1, **how)[7:] + text('AM', 'BO', 1, D1, **how))
        assert cabinet.lend_ok().bank == D1
        peer.expect(text('MC', 'BO', 1, D1, **how))
        peer.say(text('RQ', 'T', 2, D1, **how) + text('AM', 'RO', 2, D1, **how))
        assert cabinet.return_bank(2, D1)
        peer.expect(text('MQ', None, 2, D1, **how) + text('MC', 'RO', 2, D1, **how))
        assert cabinet.slots == {1: ('EM', None), 2: ('NF', D1)}
        assert cabinet.waiting() == [] and cabinet.heard_style == how.get('style', 'comma')


def test_a_text_cabinet_fails(peer):
    with talk(TextCabinet('127.0.0.1', peer.port)) as cabinet:
        cabinet.connect()
        peer.accept()
        peer.say(text('CC', 'BW', 1, D1) + text('AR', 'BF', 1, D1))
        cabinet.lend_failed()
        peer.expect(text('MR', 'BF', 1, D1))
        peer.say(text('RQ', 'T', 3, D2) + text('AR', 'RF', 3, D2))
        assert cabinet.return_failed(3, D2)
        peer.expect(text('MQ', None, 3, D2) + text('MR', 'RF', 3, D2))
        peer.say(text('RQ', 'F', 3, 'XX10000009'))
        assert not cabinet.return_bank(3, 'XX10000009')
        peer.expect(text('MQ', None, 3, 'XX10000009'))
        assert cabinet.slots[3] == ('EM', None)


def test_a_cabinet_that_does_not_answer_lets_the_question_be_taken(peer):
    with talk(TextCabinet('127.0.0.1', peer.port)) as cabinet:
        cabinet.answering = False
        cabinet.connect()
        peer.accept()
        peer.say(text('CQ'))
        assert cabinet.wait_for('CQ') == Frame(IMEI, 'CQ')
        assert [way for way, _ in cabinet.log] == ['received']


@pytest.mark.parametrize('data', [text('CQ', crc='XMODEM'), text('MC', 'BO', 1, D1), b'hello\r\n', text('CQ').lower(),
                                  write_text(Frame('860000000000002', 'CQ'))])
def test_wrong_frames_are_not_overlooked(peer, data):
    with talk(TextCabinet('127.0.0.1', peer.port)) as cabinet:
        cabinet.connect()
        peer.accept()
        peer.say(data)
        with pytest.raises(Wrong):
            cabinet.wait_for('CC')


def test_a_closed_connection_is_told(peer):
    with talk(TextCabinet('127.0.0.1', peer.port)) as cabinet:
        cabinet.connect()
        peer.accept()
        peer.close()
        with pytest.raises(Closed):
            cabinet.wait_for('CC')
        cabinet.wait_closed()


def test_a_binary_cabinet(peer):
    b1, b2 = '524C31417C000041', '524C31417C000052'
    with talk(BinaryCabinet('127.0.0.1', peer.port, slots={1: (b1, 4), 2: None})) as cabinet:
        peer_says = [write_packet(LOGIN, b'\1'), write_packet(0x61), write_packet(INVENTORY), write_packet(LEND, b'\1'),
                     write_packet(RETURN, b'\2\1'), write_packet(EJECT, b'\2'), write_packet(RETURN, b'\1\4'),
                     write_packet(SERVER, text_of('cloud.example') + text_of('9100') + b'\x1e'), write_packet(LEND, b'\1')]
        # all at once and cut oddly: the kernel keeps it until the cabinet has connected and reads
        with _accepting(peer, b''.join(peer_says)):
            assert cabinet.connect() == 1
        cabinet.send_heartbeat()
        assert cabinet.lend_ok() == 1
        assert cabinet.return_bank(2, b2) == 1
        assert cabinet.lend_ok(EJECT) == 2
        assert cabinet.return_bank(1, 'FF' * 8) == 4
        assert cabinet.lend_failed() == 1
        assert cabinet.slots == {1: None, 2: None}
        assert cabinet.server == ('cloud.example', 9100, 30)
        sent = b''.join(data for way, data in cabinet.log if way == 'sent')
    for packet in (write_packet(INVENTORY, b'\1\1' + bytes.fromhex(b1) + b'\4'), write_packet(LEND, b'\1\1' + bytes.fromhex(b1)),
                   write_packet(RETURN, b'\2' + bytes.fromhex(b2)), write_packet(EJECT, b'\2\1' + bytes.fromhex(b2)),
                   write_packet(SERVER), write_packet(LEND, b'\1\0' + bytes(8))):
        assert packet in sent


@contextlib.contextmanager
def _accepting(peer, data):
    """Says all of it as soon as somebody connects."""
    def serve():
        peer.accept()
        peer.say(data[:5])
        peer.say(data[5:])
    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join()
