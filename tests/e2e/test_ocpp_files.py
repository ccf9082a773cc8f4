"""Files go to and from chargers over HTTP, at addresses that are made for them: logs are uploaded, firmware is fetched."""
import glob
import hashlib
import urllib.error
import urllib.request

import pytest

from galvan import Refused, base_config, free_ports

DEVICE = 'ocpp:CP001'
LOG = b'a line of a log\n' * 40000  # beyond what link passes by value
FIRMWARE = bytes(range(256)) * 8192


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def http(method, url, data=None, **headers):
    """(status, body)"""
    headers = {name.replace('_', '-'): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


two = pytest.mark.parametrize('cloud', [1, 2], indirect=True, ids=['one instance', 'two instances'])


@pytest.fixture
def cloud(run, request):
    """The parameter: instances of ocpp, of which any may get the request for a file."""
    ws, = free_ports(1)
    config = base_config(ws)
    config['plugins']['ocpp']['config']['files_url'] = 'http://127.0.0.1:%d/' % ws
    config['plugins']['ocpp']['instances'] = getattr(request, 'param', 1)
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.put_device(DEVICE)
    return node


def transfer(node):
    """The newest."""
    return node.call('galvan.ocpp.v1.Ocpp/ListTransfers', {'device': DEVICE})['transfers'][0]


@two
def test_a_charger_uploads_its_log(cloud, station):
    station.answer('GetDiagnostics', {'fileName': 'diagnostics.log'})
    station.connect(cloud.ws, 'CP001')
    events = cloud.events('DiagnosticsUploaded')
    reply = cloud.call('galvan.charging.v1.Charging/GetDiagnostics', {'device': DEVICE, 'fromMs': '1736899200000'})
    assert reply['fileName'] == 'diagnostics.log'
    asked = station.asked('GetDiagnostics')
    assert asked['startTime'] == '2025-01-15T00:00:00.000Z'
    station.call('DiagnosticsStatusNotification', {'status': 'Uploading'})
    assert transfer(cloud)['status'] == 'Uploading'
    assert http('PUT', asked['location'] + '/diagnostics.log', LOG)[0] == 201
    assert http('PUT', asked['location'] + '/diagnostics.log', LOG)[0] == 201, 'again, as its answer may have been lost'
    station.call('DiagnosticsStatusNotification', {'status': 'Uploaded'})
    event = events.wait('DiagnosticsUploaded')
    assert event['event']['uploadId'] == reply['uploadId']
    assert event['event']['blob'] == sha256(LOG)
    events.close()
    told = transfer(cloud)
    assert (told['name'], told['size'], told['status']) == ('diagnostics.log', str(len(LOG)), 'Uploaded')


def test_a_log_may_come_as_a_form(cloud, station):
    station.answer('GetDiagnostics', {'fileName': 'x.log'})
    station.connect(cloud.ws, 'CP001')
    cloud.call('galvan.charging.v1.Charging/GetDiagnostics', {'device': DEVICE})
    body = (b'--cut\r\nContent-Disposition: form-data; name="what"\r\n\r\ndiagnostics\r\n'
            b'--cut\r\nContent-Disposition: form-data; name="file"; filename="x.log"\r\n\r\n' + LOG + b'\r\n--cut--\r\n')
    status, _ = http('POST', station.asked('GetDiagnostics')['location'], body,
                     Content_Type='multipart/form-data; boundary=cut')
    assert status == 201
    assert transfer(cloud)['blob'] == sha256(LOG)


def test_a_charger_that_fails_to_upload_says_so(cloud, station):
    station.answer('GetDiagnostics', {'fileName': 'x.log'})
    station.connect(cloud.ws, 'CP001')
    events = cloud.events('DiagnosticsUploaded')
    cloud.call('galvan.charging.v1.Charging/GetDiagnostics', {'device': DEVICE})
    station.call('DiagnosticsStatusNotification', {'status': 'UploadFailed'})
    assert events.wait('DiagnosticsUploaded')['event']['status'] == 'UploadFailed'
    events.close()


@two
def test_a_charger_fetches_and_installs_its_firmware(cloud, station):
    station.answer('UpdateFirmware', {})
    station.connect(cloud.ws, 'CP001')
    upload = cloud.call('galvan.ocpp.v1.Ocpp/OpenUpload', {'device': DEVICE, 'name': 'v2.bin'})
    assert http('PUT', upload['url'], FIRMWARE)[0] == 201
    blob = transfer(cloud)['blob']
    assert blob == sha256(FIRMWARE)
    reply = cloud.call('galvan.charging.v1.Charging/UpdateFirmware', {'device': DEVICE, 'blob': blob, 'name': 'v2.bin', 'retries': 3})
    assert reply['status'] == 'Accepted'
    asked = station.asked('UpdateFirmware')
    assert asked['location'].endswith('/v2.bin')
    assert asked['retries'] == 3
    station.call('FirmwareStatusNotification', {'status': 'Downloading'})
    status, half = http('GET', asked['location'], Range='bytes=0-999999')
    assert status == 206
    status, rest = http('GET', asked['location'], Range='bytes=1000000-')
    assert half + rest == FIRMWARE, 'a download that was cut goes on where it was'
    for word in 'Downloaded', 'Installing', 'Installed':
        station.call('FirmwareStatusNotification', {'status': word})
    told = transfer(cloud)
    assert (told['kind'], told['status'], told['fetched']) == ('firmware', 'Installed', 2)


def test_what_is_no_address_of_a_file_is_refused(cloud, station):
    station.answer('UpdateFirmware', {})
    station.connect(cloud.ws, 'CP001')
    upload = cloud.call('galvan.ocpp.v1.Ocpp/OpenUpload', {'device': DEVICE})['url']
    assert http('GET', upload)[0] == 405, 'what people upload is not given out'
    assert http('PUT', upload, b'')[0] == 400
    assert http('PUT', upload, b'x')[0] == 201
    blob = transfer(cloud)['blob']
    cloud.call('galvan.charging.v1.Charging/UpdateFirmware', {'device': DEVICE, 'blob': blob})
    assert http('PUT', station.asked('UpdateFirmware')['location'], b'y')[0] == 405, 'and firmware is not put'
    base = upload[:upload.index('/files/')] + '/files/'
    for wrong in '', 'x', '0-' + 32 * 'a', '7-' + 32 * 'a', 200 * 'a', '0-' + 32 * 'a' + '/../../x':
        assert http('GET', base + wrong)[0] == 404, wrong
    for wrong, why in (({}, 'exactly one'), ({'url': 'http://x/', 'blob': blob}, 'exactly one'), ({'blob': 64 * '0'}, 'there is no blob'),
                       ({'url': 'http://x/', 'signature': 'AAAA'}, 'both or not at all'),
                       ({'url': 'http://x/', 'installAtMs': '1'}, 'installAtMs')):
        with pytest.raises(Refused, match=why):
            cloud.call('galvan.charging.v1.Charging/UpdateFirmware', dict(wrong, device=DEVICE))


def test_a_strangers_file_is_not_kept(cloud, station):
    station.connect(cloud.ws, 'CP001')
    upload = cloud.call('galvan.ocpp.v1.Ocpp/OpenUpload', {'device': DEVICE})['url']
    wrong = upload[:-9] + 9 * 'a' if not upload.endswith('/file') else upload.replace('/0-', '/0-a')
    for body in (b'small', LOG):
        assert http('PUT', wrong, body)[0] == 404
        assert http('PUT', upload[:upload.index('/files/')] + '/files/9-x', body)[0] == 404
    assert not [f for f in glob.glob(cloud.data + '/blobs/*/*')]
    assert http('PUT', upload, LOG)[0] == 201
    assert http('PUT', upload, FIRMWARE)[0] == 409, 'an address is for one file'
    assert len(glob.glob(cloud.data + '/blobs/*/*')) == 1
    assert http('PUT', wrong, LOG)[0] == 404, 'what is there already stays, whoever sends it again'
    assert len(glob.glob(cloud.data + '/blobs/*/*')) == 1


def test_the_secret_of_an_address_is_not_in_the_history(cloud, station):
    station.answer('GetDiagnostics', {'fileName': 'x'})
    station.connect(cloud.ws, 'CP001')
    cloud.call('galvan.charging.v1.Charging/GetDiagnostics', {'device': DEVICE})
    token = station.asked('GetDiagnostics')['location'].split('/')[-2]
    history = cloud.call('galvan.ocpp.v1.Ocpp/ListMessages', {'device': DEVICE, 'action': 'GetDiagnostics'})['messages']
    assert len(history) == 2
    assert not [m for m in history if token in m['text']]


def test_logs_and_signed_firmware_of_2_0_1(cloud, station_v201):
    station_v201.answer('GetLog', {'status': 'Accepted', 'filename': 'security.log'})
    station_v201.answer('UpdateFirmware', {'status': 'Accepted'})
    station_v201.connect(cloud.ws, 'CP001')
    station_v201.call('BootNotification', {'reason': 'PowerUp', 'chargingStation': {'vendorName': 'V', 'model': 'M'}})
    log = cloud.call('galvan.charging.v1.Charging/GetDiagnostics', {'device': DEVICE, 'security': True})
    asked = station_v201.asked('GetLog')
    assert (asked['logType'], str(asked['requestId'])) == ('SecurityLog', log['uploadId'])
    assert http('PUT', asked['log']['remoteLocation'] + '/security.log', LOG)[0] == 201
    station_v201.call('LogStatusNotification', {'status': 'Uploaded', 'requestId': asked['requestId']})
    assert transfer(cloud)['blob'] == sha256(LOG)

    firmware = cloud.call('galvan.charging.v1.Charging/UpdateFirmware', {
        'device': DEVICE, 'blob': sha256(LOG), 'name': 'v3.bin', 'signingCertificate': 'PEM', 'signature': 'AAAA'})
    asked = station_v201.asked('UpdateFirmware')
    assert str(asked['requestId']) == firmware['transferId']
    assert asked['firmware']['signature'] == 'AAAA'
    assert http('GET', asked['firmware']['location']) == (200, LOG)
    for word in 'Downloaded', 'SignatureVerified', 'Installing', 'Installed':
        station_v201.call('FirmwareStatusNotification', {'status': word, 'requestId': asked['requestId']})
    assert transfer(cloud)['status'] == 'Installed'
