"""Stations that speak OCPP 1.5 or 1.6 over SOAP, made of xml.etree and the standard's field tables alone: what the server sends is
read as strictly as code made from the WSDL does (namespace, order and kind of every element), whatever galvan's own code thinks of it.

    call(operation, payload) -> payload, or Fault      answer(operation, payload or Fault)      asked(operation) -> payload
"""
import gzip
import http.client
import http.server
import itertools
import re
import threading
import xml.etree.ElementTree as ET
import zlib

from galvan import PATIENCE_S
from stations import Asked

SOAP = 'http://www.w3.org/2003/05/soap-envelope'
WSA = 'http://www.w3.org/2005/08/addressing'
ANONYMOUS = WSA + '/anonymous'
NAMESPACES = {'1.5': ('urn://Ocpp/Cs/2012/06/', 'urn://Ocpp/Cp/2012/06/'), '1.6': ('urn://Ocpp/Cs/2015/10/', 'urn://Ocpp/Cp/2015/10/')}

# Type: its elements in order, "?" for those that may be absent, "*" for lists, ":" and a type for what is no text; "@" for attributes,
# "=" for an element's own text. 1.6, and then where 1.5 differs.
TABLE_16 = '''
IdTagInfo: status expiryDate? parentIdTag?
AuthorizeRequest: idTag
AuthorizeResponse: idTagInfo:IdTagInfo
StartTransactionRequest: connectorId:int idTag timestamp meterStart:int reservationId?:int
StartTransactionResponse: transactionId:int idTagInfo:IdTagInfo
StopTransactionRequest: transactionId:int idTag? timestamp meterStop:int reason? transactionData?*:MeterValue
StopTransactionResponse: idTagInfo?:IdTagInfo
HeartbeatRequest:
HeartbeatResponse: currentTime
SampledValue: value context? format? measurand? phase? location? unit?
MeterValue: timestamp sampledValue*:SampledValue
MeterValuesRequest: connectorId:int transactionId?:int meterValue?*:MeterValue
MeterValuesResponse:
BootNotificationRequest: chargePointVendor chargePointModel chargePointSerialNumber? chargeBoxSerialNumber? firmwareVersion? iccid? imsi?
  meterType? meterSerialNumber?
BootNotificationResponse: status currentTime interval:int
StatusNotificationRequest: connectorId:int status errorCode info? timestamp? vendorId? vendorErrorCode?
StatusNotificationResponse:
FirmwareStatusNotificationRequest: status
FirmwareStatusNotificationResponse:
DiagnosticsStatusNotificationRequest: status
DiagnosticsStatusNotificationResponse:
DataTransferRequest: vendorId messageId? data?
DataTransferResponse: status data?
UnlockConnectorRequest: connectorId:int
UnlockConnectorResponse: status
ResetRequest: type
ResetResponse: status
ChangeAvailabilityRequest: connectorId:int type
ChangeAvailabilityResponse: status
GetDiagnosticsRequest: location startTime? stopTime? retries?:int retryInterval?:int
GetDiagnosticsResponse: fileName?
ClearCacheRequest:
ClearCacheResponse: status
ClearChargingProfileRequest: id?:int connectorId?:int chargingProfilePurpose? stackLevel?:int
ClearChargingProfileResponse: status
UpdateFirmwareRequest: retrieveDate location retries?:int retryInterval?:int
UpdateFirmwareResponse:
ChangeConfigurationRequest: key value
ChangeConfigurationResponse: status
RemoteStartTransactionRequest: connectorId?:int idTag chargingProfile?:ChargingProfile
RemoteStartTransactionResponse: status
RemoteStopTransactionRequest: transactionId:int
RemoteStopTransactionResponse: status
CancelReservationRequest: reservationId:int
CancelReservationResponse: status
GetConfigurationRequest: key?*
KeyValue: key readonly:bool value?
GetConfigurationResponse: configurationKey?*:KeyValue unknownKey?*
GetLocalListVersionRequest:
GetLocalListVersionResponse: listVersion:int
ChargingSchedulePeriod: startPeriod:int limit:float numberPhases?:int
ChargingSchedule: duration?:int startSchedule? chargingRateUnit chargingSchedulePeriod*:ChargingSchedulePeriod minChargingRate?:float
GetCompositeScheduleRequest: connectorId:int duration:int chargingRateUnit?
GetCompositeScheduleResponse: status connectorId?:int scheduleStart? chargingSchedule?:ChargingSchedule
ReserveNowRequest: connectorId:int expiryDate idTag parentIdTag? reservationId:int
ReserveNowResponse: status
AuthorizationData: idTag idTagInfo?:IdTagInfo
SendLocalListRequest: listVersion:int localAuthorizationList?*:AuthorizationData updateType
SendLocalListResponse: status
ChargingProfile: chargingProfileId:int transactionId?:int stackLevel:int chargingProfilePurpose chargingProfileKind recurrencyKind?
  validFrom? validTo? chargingSchedule:ChargingSchedule
SetChargingProfileRequest: connectorId:int csChargingProfiles:ChargingProfile
SetChargingProfileResponse: status
TriggerMessageRequest: requestedMessage connectorId?:int
TriggerMessageResponse: status
'''
TABLE_15 = '''
StopTransactionRequest: transactionId:int idTag? timestamp meterStop:int transactionData?*:TransactionData
TransactionData: values?*:MeterValue
SampledValue: value= @context @format @measurand @location @unit
MeterValue: timestamp value*:SampledValue
MeterValuesRequest: connectorId:int transactionId?:int values?*:MeterValue
BootNotificationResponse: status currentTime heartbeatInterval:int
RemoteStartTransactionRequest: idTag connectorId?:int
SendLocalListRequest: updateType listVersion:int localAuthorisationList?*:AuthorizationData hash?
SendLocalListResponse: status hash?
'''
NOT_IN_15 = ('ClearChargingProfile', 'GetCompositeSchedule', 'SetChargingProfile', 'TriggerMessage')


def read_table(text):
    table = {}
    for line in text.strip().replace('\n  ', ' ').splitlines():
        name, fields = line.split(':', 1)
        table[name] = [re.fullmatch(r'(@?)(\w+)(=?)(\??)(\*?):?(\w*)', f).groups() for f in fields.split()]
    return table


TABLES = {'1.6': read_table(TABLE_16)}
TABLES['1.5'] = {**TABLES['1.6'], **read_table(TABLE_15)}
COMMANDS = ['UnlockConnector', 'Reset', 'ChangeAvailability', 'GetDiagnostics', 'ClearCache', 'UpdateFirmware', 'ChangeConfiguration',
            'RemoteStartTransaction', 'RemoteStopTransaction', 'CancelReservation', 'DataTransfer', 'GetConfiguration',
            'GetLocalListVersion', 'ReserveNow', 'SendLocalList']


class Fault(Exception):
    def __init__(self, code, reason='', status=500):
        super().__init__('%s: %s' % (code, reason))
        self.code, self.reason, self.status = code, reason, status


def as_text(value):
    return ('true' if value else 'false') if isinstance(value, bool) else str(value)


def fill(element, payload, kind, version, ns):
    """Adds a payload to its element."""
    left = set(payload)
    for attribute, name, own, _, many, inner in TABLES[version][kind]:
        if name not in payload:
            continue
        left.discard(name)
        if attribute:
            element.set(name, payload[name])
        elif own:
            element.text = payload[name]
        else:
            for value in payload[name] if many else [payload[name]]:
                child = ET.SubElement(element, '{%s}%s' % (ns, name))
                if inner in TABLES[version]:
                    fill(child, value, inner, version, ns)
                else:
                    child.text = as_text(value)
    assert not left, (kind, left)


def read(element, kind, version, ns):
    """The payload of an element that has the order, the names and the kinds of the table, and nothing else."""
    payload, fields = {}, TABLES[version][kind]
    assert not element.attrib and not (element.text or '').strip(), ET.tostring(element)
    at = 0
    for child in element:
        while at < len(fields) and child.tag != '{%s}%s' % (ns, fields[at][1]):
            at += 1
        assert at < len(fields), '%s: %s is unknown, in another namespace, or out of order' % (kind, child.tag)
        _, name, _, _, many, inner = fields[at]
        if inner in TABLES[version]:
            value = read(child, inner, version, ns)
        else:
            value = {'': str, 'int': int, 'float': float, 'bool': lambda s: {'true': True, 'false': False}[s]}[inner](child.text or '')
        if many:
            payload.setdefault(name, []).append(value)
        else:
            assert name not in payload, '%s: %s is there twice' % (kind, name)
            payload[name] = value
    for _, name, _, optional, _, _ in fields:
        assert optional or name in payload, '%s: %s is missing' % (kind, name)
    return payload


def tag(ns, name):
    return '{%s}%s' % (ns, name)


def message(ns, headers, body):
    """An envelope as bytes. headers: (namespace, name, text or (inner name, text))."""
    envelope = ET.Element(tag(SOAP, 'Envelope'))
    header = ET.SubElement(envelope, tag(SOAP, 'Header'))
    for space, name, text in headers:
        element = ET.SubElement(header, tag(space, name))
        if isinstance(text, tuple):
            element = ET.SubElement(element, tag(space, text[0]))
            text = text[1]
        element.text = text
    ET.SubElement(envelope, tag(SOAP, 'Body')).append(body)
    return ET.tostring(envelope, encoding='utf-8', xml_declaration=True)


def header_of(envelope, ns, name):
    element = envelope.find('{%s}Header/{%s}%s' % (SOAP, ns, name))
    return None if element is None else ''.join(element.itertext()).strip()


def lower_first(name):
    return name[0].lower() + name[1:]


class SoapStation:
    """At http://127.0.0.1:PORT/cp/IDENTITY from serve() on."""

    def __init__(self, port, identity, version='1.6', path='/ocpp/soap'):
        self.port, self.identity, self.version, self.path = port, identity, version, path
        self.cs, self.cp = NAMESPACES[version]
        self.numbers = itertools.count(1)
        self.answers, self._asked, self.wrong = {}, Asked(), []
        self.url = ANONYMOUS
        self.server = None
        self.gzip = None       # 'gzip' or 'deflate': what its requests and answers are coded with
        self.accept = None     # its Accept-Encoding
        self.got_encoding = None

    # ---- to the server

    def envelope(self, operation, payload, message_id=None, **headers):
        body = ET.Element(tag(self.cs, lower_first(operation) + 'Request'))
        fill(body, payload, operation + 'Request', self.version, self.cs)
        return self.wrap(operation, body, message_id, **headers)

    def wrap(self, operation, body, message_id=None, **more):
        values = {'identity': self.identity, 'action': '/' + operation, 'id': message_id or 'uuid:%d' % next(self.numbers),
                  'from': self.url, 'to': 'http://127.0.0.1:%d%s' % (self.port, self.path)}
        values.update(more)
        return message(self.cs, [h for h in (
            (self.cs, 'chargeBoxIdentity', values['identity']), (WSA, 'Action', values['action']), (WSA, 'MessageID', values['id']),
            (WSA, 'From', ('Address', values['from'])), (WSA, 'ReplyTo', ('Address', ANONYMOUS)), (WSA, 'To', values['to']),
        ) if h[2] is not None], body)

    def post(self, data, content_type='application/soap+xml; charset=utf-8', method='POST', **headers):
        """(status, headers, body)."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE_S)
        headers = {k.replace('_', '-'): v for k, v in headers.items()}
        if content_type:
            headers['Content-Type'] = content_type
        if self.accept:
            headers['Accept-Encoding'] = self.accept
        try:
            connection.request(method, self.path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def call(self, operation, payload, message_id=None, **headers):
        message_id = message_id or 'uuid:%d' % next(self.numbers)
        data, more = self.envelope(operation, payload, message_id, **headers), {}
        if self.gzip:
            data = gzip.compress(data) if self.gzip == 'gzip' else zlib.compress(data)
            more = {'Content_Encoding': self.gzip}
        return self.read_answer(operation, message_id, *self.post(data, **more))

    def read_answer(self, operation, message_id, status, headers, data):
        self.got_encoding = headers.get('Content-Encoding')
        if self.got_encoding == 'gzip':
            data = gzip.decompress(data)
        assert headers['Content-Type'].startswith('application/soap+xml'), (status, headers['Content-Type'], data)
        envelope = ET.fromstring(data)
        assert envelope.tag == tag(SOAP, 'Envelope')
        assert header_of(envelope, WSA, 'RelatesTo') == message_id
        assert header_of(envelope, WSA, 'MessageID') and header_of(envelope, WSA, 'To')
        body, = envelope.find(tag(SOAP, 'Body'))
        if body.tag == tag(SOAP, 'Fault'):
            raise self.read_fault(body, status)
        assert status == 200
        assert header_of(envelope, WSA, 'Action') == '/%sResponse' % operation
        assert body.tag == tag(self.cs, lower_first(operation) + 'Response')
        return read(body, operation + 'Response', self.version, self.cs)

    def read_fault(self, fault, status):
        names = {'s': SOAP}
        code = fault.findtext('s:Code/s:Subcode/s:Value', None, names) or fault.findtext('s:Code/s:Value', '', names)
        return Fault(code.split(':')[-1], fault.findtext('s:Reason/s:Text', '', names), status)

    # ---- from the server

    def serve(self):
        station = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                data = self.rfile.read(int(self.headers['Content-Length']))
                status, answer = station.asked_for(data)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header('Content-Type', 'application/soap+xml; charset=utf-8')
                if station.gzip:
                    answer = gzip.compress(answer) if station.gzip == 'gzip' else zlib.compress(answer)
                    self.send_header('Content-Encoding', station.gzip)
                self.send_header('Content-Length', str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = 'http://127.0.0.1:%d/cp/%s' % (self.server.server_address[1], self.identity)
        return self

    def asked_for(self, data):
        """(status, answer): what is wrong with a request is kept for the test's end."""
        try:
            return self._asked_for(data)
        except Exception as wrong:
            self.wrong.append('%r: %s' % (wrong, data))
            return 500, b'this is no request'

    def _asked_for(self, data):
        envelope = ET.fromstring(data)
        body, = envelope.find(tag(SOAP, 'Body'))
        operation = header_of(envelope, WSA, 'Action')[1:]
        assert header_of(envelope, self.cp, 'chargeBoxIdentity') == self.identity
        assert header_of(envelope, WSA, 'To') == self.url
        assert header_of(envelope, WSA, 'From') and header_of(envelope, WSA, 'ReplyTo') == ANONYMOUS
        assert body.tag == tag(self.cp, lower_first(operation) + 'Request')
        payload = read(body, operation + 'Request', self.version, self.cp)
        answer = self.answers.get(operation, Fault('NotSupported'))
        if callable(answer):
            answer = answer(payload)
        self._asked.of(operation).put(payload)
        if answer is None:
            return None, None
        status, answer_body = 200, ET.Element(tag(self.cp, lower_first(operation) + 'Response'))
        if isinstance(answer, Fault):
            status, answer_body = answer.status, self.write_fault(answer)
        else:
            fill(answer_body, answer, operation + 'Response', self.version, self.cp)
        return status, message(self.cp, [
            (WSA, 'Action', '/%sResponse' % operation), (WSA, 'MessageID', 'uuid:%d' % next(self.numbers)),
            (WSA, 'RelatesTo', header_of(envelope, WSA, 'MessageID')), (WSA, 'To', ANONYMOUS)], answer_body)

    @staticmethod
    def write_fault(fault):
        element = ET.Element(tag(SOAP, 'Fault'))
        code = ET.SubElement(element, tag(SOAP, 'Code'))
        ET.SubElement(code, tag(SOAP, 'Value')).text = 'ns0:Receiver'
        ET.SubElement(ET.SubElement(code, tag(SOAP, 'Subcode')), tag(SOAP, 'Value')).text = 'ns1:' + fault.code
        ET.SubElement(ET.SubElement(element, tag(SOAP, 'Reason')), tag(SOAP, 'Text')).text = fault.reason
        return element

    def answer(self, operation, payload):
        self.answers[operation] = payload

    def asked(self, operation, limit_s=PATIENCE_S):
        return self._asked.wait(operation, limit_s)

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        assert self.wrong == []
