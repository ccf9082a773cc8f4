"""The main job as steps: a charging session that is started and stopped from afar, on a station of somebody else's making."""
import datetime
import threading

from galvan import until
from stations import StationError

TOKEN = 'remote-11902'
START_TIME = '2025-01-15T02:09:54.000Z'
STOP_TIME = '2025-01-15T02:40:49'  # without a zone
PROFILE = {
    'chargingProfileId': 1, 'stackLevel': 0, 'chargingProfilePurpose': 'TxProfile', 'chargingProfileKind': 'Relative',
    'chargingSchedule': {'chargingRateUnit': 'A', 'chargingSchedulePeriod': [{'startPeriod': 0, 'limit': 32.0}]},
}


def utc_ms(text):
    return int(datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp() * 1000)


def meter_values(transaction):
    def value(measurand, text, unit):
        return {'value': text, 'measurand': measurand, 'unit': unit, 'context': 'Sample.Periodic'}
    return {'connectorId': 1, 'transactionId': transaction, 'meterValue': [{
        'timestamp': '2025-01-15T02:10:54.000Z', 'sampledValue': [
            value('Voltage', '241.10', 'V'), value('Current.Import', '0.00', 'A'),
            value('Power.Active.Import', '0', 'W'), value('Current.Offered', '32', 'A')]}]}


class Session:
    """Each step may be done again after a crash, as a station or an operator would."""

    def __init__(self, node, station, identity='CP001'):
        self.node, self.station, self.identity = node, station, identity
        self.device = 'ocpp:' + identity
        self.transaction = None
        self.request_id = None
        self.boots = 0
        station.answer('RemoteStartTransaction', {'status': 'Accepted'})
        station.answer('RemoteStopTransaction', {'status': 'Accepted'})

    def connect(self):
        self.station.connect(self.node.ws, self.identity)

    def boot(self):
        reply = self.station.call('BootNotification', {'chargePointVendor': 'Elsewhere', 'chargePointModel': 'Two'})
        assert reply['status'] == 'Accepted'
        assert reply['interval'] == 300

    def available(self):
        self.station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Available'})

    def remote_start(self):
        answer = self.node.call('galvan.charging.v1.Charging/Start', {
            'device': self.device, 'connector': 1, 'token': TOKEN, 'chargingProfile': PROFILE})
        assert answer['status'] == 'Accepted'
        asked = self.station.asked('RemoteStartTransaction')
        assert asked['connectorId'] == 1
        assert asked['idTag'] == TOKEN
        schedule = asked['chargingProfile']['chargingSchedule']
        assert schedule['chargingRateUnit'] == 'A'
        assert float(schedule['chargingSchedulePeriod'][0]['limit']) == 32
        assert asked['chargingProfile']['chargingProfileKind'] == 'Relative'
        self.request_id = answer['requestId']

    def start_transaction(self):
        reply = self.station.call('StartTransaction', {
            'connectorId': 1, 'idTag': TOKEN, 'meterStart': 0, 'timestamp': START_TIME})
        assert reply['idTagInfo']['status'] == 'Accepted'
        assert reply['transactionId'] > 0
        if self.transaction is not None:
            assert reply['transactionId'] == self.transaction, 'a repeated StartTransaction must get the same id'
        self.transaction = reply['transactionId']

    def charging(self):
        self.station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Charging'})

    def meter(self):
        assert self.station.call('MeterValues', meter_values(self.transaction)) == {}

    def session(self):
        """The session as the API has it, by its list."""
        sessions = self.node.sessions(self.device)
        assert len(sessions) == 1, sessions
        return sessions[0]

    def remote_stop(self):
        answer = self.node.call('galvan.charging.v1.Charging/Stop', {'sessionId': self.session()['id']})
        assert answer['status'] == 'Accepted'
        assert self.station.asked('RemoteStopTransaction') == {'transactionId': self.transaction}

    def stop_transaction(self):
        reply = self.station.call('StopTransaction', {
            'transactionId': self.transaction, 'meterStop': 6379, 'timestamp': STOP_TIME, 'reason': 'EVDisconnected',
            'transactionData': [{'timestamp': STOP_TIME, 'sampledValue': [{
                'value': '6379.259277', 'measurand': 'Energy.Active.Import.Register', 'unit': 'Wh',
                'context': 'Transaction.End'}]}]})
        assert reply.get('idTagInfo', {'status': 'Accepted'})['status'] == 'Accepted'

    def finished(self):
        self.station.call('StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Available'})

    REGISTERS = 1  # readings of the energy register in a session

    STEPS = ['connect', 'boot', 'available', 'remote_start', 'start_transaction', 'charging', 'meter', 'remote_stop',
             'stop_transaction', 'finished']

    def do(self, step):
        getattr(self, step)()

    def reconnect(self):
        """As a station whose line has ended; until ocpp knows of it, an operator's command would be refused as unavailable."""
        self.station.wait_closed()
        self.connect()
        until('%s is online' % self.device, self.is_online)

    def is_online(self):
        stations = self.node.call('galvan.ocpp.v1.Ocpp/ListStations', {'device': self.device})['stations']
        return any(s['online'] for s in stations)

    def do_while_killing(self, step, delay_s):
        """The step races with kill -9 of the node, which comes so much later; what was not answered is done again after the restart."""
        done = []

        def attempt():
            try:
                self.do(step)
                done.append(True)
            except Exception:  # the connection broke: whether the step took effect is what the test is about
                pass
        racer = threading.Thread(target=attempt)
        racer.start()
        racer.join(delay_s)
        self.node.kill()
        racer.join()
        self.node.start()
        self.reconnect()
        if not done:
            self.do(step)

    def check(self, stop_ms=None):
        """What must be on record in the end, whatever happened meanwhile."""
        session = self.node.call('galvan.charging.v1.Charging/GetSession', {'id': self.session()['id']})['session']
        assert session['device'] == self.device
        assert session['connector'] == 1
        assert session['token'] == TOKEN
        assert session['state'] == 'ENDED'
        assert session['energyWh'] == '6379'
        assert session['meterStartWh'] == '0'
        assert session['meterStopWh'] == '6379'
        assert session['startedAtMs'] == str(utc_ms(START_TIME))
        assert session['endedAtMs'] == str(stop_ms or utc_ms(STOP_TIME + 'Z'))
        assert session['reason'] == 'EVDisconnected'
        assert session['transactionId'] == str(self.transaction)
        samples = {}
        for s in session['samples']:
            samples.setdefault(s['measurand'], []).append(s)
        assert {m: len(v) for m, v in samples.items()} == {
            'Voltage': 1, 'Current.Import': 1, 'Power.Active.Import': 1, 'Current.Offered': 1,
            'Energy.Active.Import.Register': self.REGISTERS}, 'each sample once'
        assert abs(samples['Voltage'][0]['value'] - 241.10) < 1e-9
        assert samples['Voltage'][0]['unit'] == 'V'
        assert samples['Current.Offered'][0]['value'] == 32
        assert abs(samples['Energy.Active.Import.Register'][-1]['value'] - 6379.259277) < 1e-6
        return session


TX_NAME = 'b2c9a9a0-1f5c-4d9e-8a67-0d6c5f1e2a3b'


def sampled(context, *values):
    """A meterValue of 2.0.1."""
    return [{'value': value, 'measurand': measurand, 'context': context, 'unitOfMeasure': {'unit': unit}}
            for measurand, value, unit in values]


class SessionV201(Session):
    """The same in OCPP 2.0.1, by a station that checks all that it is told against its schemas."""

    def __init__(self, node, station, identity='CP001'):
        super().__init__(node, station, identity)
        self.transaction = TX_NAME
        self.start_number = None
        station.answer('RequestStartTransaction', {'status': 'Accepted'})
        station.answer('RequestStopTransaction', {'status': 'Accepted'})

    def connect(self):
        self.station.connect(self.node.ws, self.identity, **({'strict': True} if self.station.name == 'ocpp-rpc' else {}))

    def boot(self):
        reply = self.station.call('BootNotification', {
            'reason': 'PowerUp', 'chargingStation': {'vendorName': 'Elsewhere', 'model': 'Two'}})
        assert reply['status'] == 'Accepted'
        assert reply['interval'] == 300

    def status(self, status, time):
        self.station.call('StatusNotification', {'timestamp': time, 'connectorStatus': status, 'evseId': 1, 'connectorId': 1})

    def available(self):
        self.status('Available', '2025-01-15T02:09:00Z')

    def remote_start(self):
        answer = self.node.call('galvan.charging.v1.Charging/Start', {
            'device': self.device, 'connector': 1, 'token': TOKEN, 'chargingProfile': PROFILE})
        assert answer['status'] == 'Accepted'
        asked = self.station.asked('RequestStartTransaction')
        assert asked['evseId'] == 1
        assert asked['idToken'] == {'idToken': TOKEN, 'type': 'Central'}
        schedule, = asked['chargingProfile']['chargingSchedule']
        assert schedule['chargingRateUnit'] == 'A'
        assert float(schedule['chargingSchedulePeriod'][0]['limit']) == 32
        self.start_number = asked['remoteStartId']
        self.request_id = answer['requestId']

    def event(self, kind, number, time, trigger, info=None, **rest):
        return self.station.call('TransactionEvent', {
            'eventType': kind, 'seqNo': number, 'timestamp': time, 'triggerReason': trigger,
            'transactionInfo': {'transactionId': self.transaction, **(info or {})}, **rest})

    def start_transaction(self):
        reply = self.event('Started', 0, START_TIME, 'RemoteStart', {'remoteStartId': self.start_number, 'chargingState': 'EVConnected'},
                           evse={'id': 1, 'connectorId': 1}, idToken={'idToken': TOKEN, 'type': 'Central'})
        assert reply == {'idTokenInfo': {'status': 'Accepted'}}

    def charging(self):
        self.status('Occupied', START_TIME)
        assert self.event('Updated', 1, '2025-01-15T02:10:00Z', 'ChargingStateChanged', {'chargingState': 'Charging'}, meterValue=[{
            'timestamp': '2025-01-15T02:10:00Z',
            'sampledValue': sampled('Transaction.Begin', ('Energy.Active.Import.Register', 0, 'Wh'))}]) == {}

    def meter(self):
        assert self.event('Updated', 2, '2025-01-15T02:10:54Z', 'MeterValuePeriodic', meterValue=[{
            'timestamp': '2025-01-15T02:10:54.000Z',
            'sampledValue': sampled('Sample.Periodic', ('Voltage', 241.1, 'V'), ('Current.Import', 0, 'A'),
                                    ('Power.Active.Import', 0, 'W'), ('Current.Offered', 32, 'A'))}]) == {}

    def remote_stop(self):
        answer = self.node.call('galvan.charging.v1.Charging/Stop', {'sessionId': self.session()['id']})
        assert answer['status'] == 'Accepted'
        assert self.station.asked('RequestStopTransaction') == {'transactionId': self.transaction}

    def stop_transaction(self):
        assert self.event('Ended', 3, STOP_TIME + 'Z', 'EVDeparted', {'stoppedReason': 'EVDisconnected'}, meterValue=[{
            'timestamp': STOP_TIME + 'Z',
            'sampledValue': sampled('Transaction.End', ('Energy.Active.Import.Register', 6379.259277, 'Wh'))}]) == {}

    def finished(self):
        self.status('Available', '2025-01-15T02:41:00Z')

    REGISTERS = 2


__all__ = ['Session', 'SessionV201', 'StationError', 'utc_ms', 'TOKEN', 'START_TIME', 'STOP_TIME', 'PROFILE', 'meter_values']
