"""Chargers that take updates: made of other people's OCPP clients, each with a version that it boots with and a way to fetch files."""
import http.client
import os
import urllib.parse

from galvan import PATIENCE_S, until
from stations import OcppRpc

UPDATES = 'galvan.update.v1.Updates/'
IMAGE = os.urandom(3000000)


class Charger:
    """OCPP 1.6 by npm's ocpp-rpc, or 2.0.1 by PyPI's ocpp; version: of its firmware."""

    def __init__(self, updates, name, library=OcppRpc, protocol='ocpp1.6', model='AC-16', tags=()):
        self.updates, self.name, self.protocol, self.model = updates, name, protocol, model
        self.device = 'ocpp:' + name
        self.version = '1.0'
        self.request = None  # its last UpdateFirmware
        self.holds = False
        self.station = library(protocol)
        updates.node.put_device(self.device, tags=list(tags))
        self.station.answer('UpdateFirmware', {} if protocol == 'ocpp1.6' else {'status': 'Accepted'})
        self.station.answer('RemoteStartTransaction', {'status': 'Accepted'})
        self.boot()

    def boot(self, version=None):
        """Restarts, with another version if so."""
        self.version = version or self.version
        self.connect()
        if self.protocol == 'ocpp1.6':
            self.station.call('BootNotification', {'chargePointVendor': 'Acme', 'chargePointModel': self.model, 'firmwareVersion': self.version})
        else:
            self.station.call('BootNotification', {'reason': 'FirmwareUpdate', 'chargingStation': {
                'vendorName': 'Acme', 'model': self.model, 'firmwareVersion': self.version}})

    def connect(self):
        self.station.connect('ws://127.0.0.1:%d/ocpp' % self.updates.ws, self.name)

    def told(self):
        """The address that the next UpdateFirmware names."""
        self.request = self.station.asked('UpdateFirmware')
        return self.request.get('firmware', self.request)['location']

    def hold(self):
        """UpdateFirmware is heard and not answered until release(); by ocpp-rpc only."""
        self.station.hold('UpdateFirmware')
        self.holds = True

    def release(self):
        if self.holds:
            self.station.release('UpdateFirmware')
        self.holds = False

    def offers(self):
        """How many UpdateFirmware are there that told() has not taken."""
        return self.station._asked.of('UpdateFirmware').qsize()

    def says(self, *statuses):
        for status in statuses:
            payload = {'status': status}
            if self.protocol != 'ocpp1.6':
                payload['requestId'] = self.request['requestId']
            self.station.call('FirmwareStatusNotification', payload)

    def state(self):
        return self.updates.node.call(UPDATES + 'GetUpdateState', {'device': self.device})

    def start(self):
        return self.updates.node.call('galvan.charging.v1.Charging/Start', {'device': self.device, 'connector': 1, 'token': 'CARD-1'})

    def plug_in(self):
        """A session that a card at the charger begins; 1.6 only."""
        return self.station.call('StartTransaction', {'connectorId': 1, 'idTag': 'CARD-1', 'meterStart': 0,
                                                      'timestamp': '2025-01-15T00:00:00Z'})['transactionId']

    def unplug(self, transaction, reason='Local'):
        self.station.call('StopTransaction', {'transactionId': transaction, 'meterStop': 100, 'reason': reason,
                                              'timestamp': '2025-01-15T01:00:00Z'})

    def close(self):
        self.station.close()


def fetch(url, cut_at=None):
    """What lies there. The connection breaks after cut_at bytes, and the rest is asked for by Range from there on, unless it has changed."""
    there = urllib.parse.urlsplit(url)

    def open_at(headers):
        line = http.client.HTTPConnection(there.netloc, timeout=PATIENCE_S)
        line.request('GET', there.path, headers=headers)
        return line, line.getresponse()
    line, answer = open_at({})
    assert answer.status == 200
    data = answer.read(cut_at)
    tag = answer.headers['ETag']
    line.close()
    if cut_at is not None:
        line, answer = open_at({'Range': 'bytes=%d-' % len(data), 'If-Range': tag})
        assert answer.status == 206 and answer.headers['Content-Range'].startswith('bytes %d-' % len(data))
        data += answer.read()
        line.close()
    return data


def in_service(updates, *chargers):
    """Nothing of the campaigns is left over, and drivers are let in."""
    for table in ('active', 'attempts', 'busy'):
        assert updates.node.rows('ota', table) == []
    for one in chargers:
        until('%s has no lease' % one.device, lambda one=one: not one.state()['lease'])


def put(updates, product, version='2.0', counter=2, data=IMAGE, **more):
    path = '%s/%s/fw.bin' % (product, version)
    updates.put_artifact(path, data, version, counter, **{'product': product, **more})
    return path
