"""The air between a driver bluetooth on its loopback and a peripheral of the loopback is another Bluetooth stack: two
devices of bumble (PyPI) on its local link. The driver's socket leads to bumble's GATT client, the peripheral's to bumble's
GATT server; what goes between them goes by bumble's HCI, L2CAP, ATT and its own exchange of the MTU."""
import asyncio
import os
import socket
import struct
import threading

from bumble.controller import Controller
from bumble.core import UUID
from bumble.device import Device, Peer
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink

from peripherals import SERVICE

WRITE, NOTIFY = SERVICE.replace('0001', '0003', 1), SERVICE.replace('0001', '0004', 1)


class Packets:
    """A SOCK_SEQPACKET socket in asyncio, whose own streams know none."""

    def __init__(self, sock):
        sock.setblocking(False)
        self._socket = sock
        self._loop = asyncio.get_running_loop()

    async def next(self):
        """b'' at the end."""
        try:
            return await self._loop.sock_recv(self._socket, 600)
        except ConnectionError:
            return b''

    async def send(self, packet):
        await self._loop.sock_sendall(self._socket, packet)

    def close(self):
        self._socket.close()


class BumbleAir:
    """Carries the peripheral `address` of the folder `far` into the folder `near`, one connection after the other. Ends with close."""

    def __init__(self, near, far, address):
        self.exchanged = []  # the MTU of each connection
        self._far = os.path.join(far, address)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(os.path.join(near, address))
        self._listener.listen(4)
        self._listener.setblocking(False)
        os.link(self._far + '.json', os.path.join(near, address + '.json'))
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._run())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass

    def close(self):
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        self._listener.close()

    async def _run(self):
        link = LocalLink()
        controllers = [Controller(name, link=link) for name in ('near', 'far')]
        self._client, self._server = (Device(address=Address(a), host=Host(c, AsyncPipeSink(c)))
                                      for a, c in zip(('AA:00:00:00:00:01', 'AA:00:00:00:00:02'), controllers))
        self._notify = Characteristic(NOTIFY, Characteristic.Properties.NOTIFY, Characteristic.READABLE)
        write = Characteristic(WRITE, Characteristic.Properties.WRITE | Characteristic.Properties.WRITE_WITHOUT_RESPONSE,
                               Characteristic.WRITEABLE, CharacteristicValue(write=self._on_written))
        self._server.add_service(Service(SERVICE, [write, self._notify]))
        await self._client.power_on()
        await self._server.power_on()
        while True:
            sock, _ = await self._loop.sock_accept(self._listener)
            await self._carry(Packets(sock))

    async def _on_written(self, connection, value):
        await self._pile.send(value)

    async def _carry(self, driver):
        """One connection, from the driver's exchange of the MTU to the end of either side."""
        _, theirs = struct.unpack('<BH', await driver.next())
        far = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        far.connect(self._far)
        self._pile = Packets(far)
        await self._pile.send(struct.pack('<BH', 2, theirs))
        _, piles = struct.unpack('<BH', await self._pile.next())
        self._server.gatt_server.max_mtu = piles
        await self._server.start_advertising()
        connection = await self._client.connect(self._server.random_address)
        peer = Peer(connection)
        mtu = await peer.request_mtu(theirs)
        self.exchanged.append(mtu)
        await peer.discover_services()
        for service in peer.services:
            await service.discover_characteristics()
        write, = peer.get_characteristics_by_uuid(UUID(WRITE))
        notify, = peer.get_characteristics_by_uuid(UUID(NOTIFY))
        arrived = asyncio.Queue()
        await peer.subscribe(notify, arrived.put_nowait)
        await driver.send(struct.pack('<BH', 3, mtu))
        ways = [asyncio.ensure_future(way) for way in (self._written(driver, write), self._notified(arrived, driver), self._said())]
        await asyncio.wait([ways[0], ways[2]], return_when=asyncio.FIRST_COMPLETED)
        ways.append(asyncio.ensure_future(arrived.join()))
        await asyncio.wait([ways[1], ways[3]], return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await connection.disconnect()
        driver.close()
        self._pile.close()

    async def _written(self, driver, write):
        while value := await driver.next():
            await write.write_value(value, with_response=False)

    async def _said(self):
        while value := await self._pile.next():
            await self._server.notify_subscribers(self._notify, value)

    async def _notified(self, arrived, driver):
        while True:
            await driver.send(await arrived.get())
            arrived.task_done()
