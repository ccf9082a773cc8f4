"""Peripherals of the driver bluetooth's loopback: sockets in a folder (proto/galvan/bluetooth.proto, Loopback)."""
import base64
import json
import os
import socket
import struct

from galvan import PATIENCE_S, PLUGINS, until

SERVICE = 'f3a10001-2b6e-4d38-9c57-8e0d4c1b7a60'
RADIO = os.path.join(PLUGINS, 'tests', 'fixtures', 'plugins', 'radio.so')
CONNECT = 'galvan.bluetooth.v1.Bluetooth/Connect'
LIST = 'galvan.bluetooth.v1.Bluetooth/ListPeripherals'


def radio_config(**bluetooth):
    """A node with the driver and the fixture plugin that listens for SERVICE and sends back what comes."""
    return {'node': {'name': 'test'}, 'plugins': {
        'bluetooth': {'config': bluetooth},
        'radio': {'path': RADIO, 'grants': ['listen:/radio/']},
    }}


def line(node, address):
    """What radio knows of a peripheral; it learns of a connection when Connect is answered, or a moment later."""
    nothing = {'opened': 0, 'frames': 0, 'closed': 0, 'reason': ''}
    return next((r['value'] for r in node.rows('radio', 'lines') if r['key'] == ['radio:' + address]), nothing)


def closed(node, address, code):
    """Waits until radio knows that the connection has ended with this code; the reason."""
    until('it is closed', lambda: line(node, address)['closed'] == code)
    return line(node, address)['reason']


class Peripheral:
    """In reach from its making to its end; takes one connection at a time."""

    def __init__(self, folder, address, service=SERVICE, mtu=517, name='', service_data=b''):
        self.address = address
        self.mtu = mtu
        self.line = None
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.bind(os.path.join(folder, address))
        self._socket.listen(4)
        self._socket.settimeout(PATIENCE_S)
        self.advertise(service, name, service_data)

    def advertise(self, service=SERVICE, name='', service_data=b''):
        said = {'address': self.address, 'name': name, 'rssiDbm': -60, 'service': service,
                'serviceData': base64.b64encode(service_data).decode()}
        path = os.path.join(self._folder, self.address + '.json')
        with open(path + '.new', 'w', encoding='utf-8') as f:
            json.dump(said, f)
        os.rename(path + '.new', path)

    def accept(self):
        """Waits for the driver and exchanges the MTU."""
        self.line, _ = self._socket.accept()
        self.line.settimeout(PATIENCE_S)
        kind, theirs = struct.unpack('<BH', self.line.recv(600))
        assert kind == 2
        self.line.send(struct.pack('<BH', 3, self.mtu))
        self.agreed = min(self.mtu, theirs)
        return self

    def ignore(self):
        """Takes a connection from the queue and leaves it."""
        self._socket.accept()[0].close()

    def notify(self, value):
        self.line.send(value)

    def written(self):
        """The next value that was written; b'' where the connection has ended."""
        try:
            return self.line.recv(600)
        except ConnectionResetError:
            return b''

    def hang_up(self):
        self.line.close()

    def gone(self):
        """Out of reach; a connection that is open stays."""
        self._socket.close()
        for name in (self.address, self.address + '.json'):
            os.unlink(os.path.join(self._folder, name))
