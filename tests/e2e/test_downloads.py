"""Files that link serves for a plugin, to clients that are not ours (curl, Python's http.client): whole and in ranges (RFC 9110, 14), by
conditions (13), over TLS, beyond 4 GiB, to whoever reads slowly or comes back after a cut. Multipart bodies are taken apart by Python's
email package."""
import hashlib
import subprocess
import threading

import pytest

from downloads import ask
from galvan import PATIENCE_S, until

DATA = b''.join(hashlib.sha256(b'%d' % i).digest() for i in range(1 << 15))  # 1 MiB
SIZE = len(DATA)
TYPE = 'application/x-firmware'
GIB = 1 << 30


@pytest.fixture(scope='module')
def files(file_server):
    file_server.name = file_server.put(DATA)
    return file_server


both = pytest.mark.parametrize('tls', [False, True], ids=['plain', 'TLS'])


def curl(files, *args, tls=False):
    done = subprocess.run(['curl', '-sS', '--cacert', files.ca, '--max-time', str(PATIENCE_S), *args, files.url(files.name, tls)],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- the whole

@both
def test_curl_gets_the_whole_file_with_the_plugins_headers(files, tls, tmp_path):
    head = tmp_path / 'head'
    assert curl(files, '-D', str(head), tls=tls) == DATA
    lines = head.read_text().splitlines()
    assert lines[0] == 'HTTP/1.1 200 OK'
    assert sorted(lines[1:-1]) == sorted([
        'Content-Type: ' + TYPE, 'Content-Disposition: attachment; filename="firmware.bin"', 'Cache-Control: private, immutable',
        'Accept-Ranges: bytes', 'ETag: "%s"' % files.name, 'Content-Length: %d' % SIZE]), 'the Content-Range that the plugin made up is not there'


def test_head_says_what_get_would_and_sends_nothing(files):
    connection = files.connect()
    answer = ask(connection, files.name, {'Range': 'bytes=0-9'}, 'HEAD')
    assert (answer.status, answer.headers['Content-Length'], answer.body) == (200, str(SIZE), b''), 'ranges are for GET'
    assert answer.headers['ETag'] == '"%s"' % files.name
    assert ask(connection, files.name).body == DATA, 'and the connection goes on'


def test_an_empty_file(files):
    name = files.put(b'')
    assert files.get(name).body == b''
    assert files.get(name, {'Range': 'bytes=0-'}).status == 416


# ---- ranges

@both
@pytest.mark.parametrize('asked, first, last', [
    ('0-0', 0, 0), ('100-299', 100, 299), ('%d-' % (SIZE - 5), SIZE - 5, SIZE - 1), ('-7', SIZE - 7, SIZE - 1), ('5-99999999', 5, SIZE - 1),
    ('-99999999', 0, SIZE - 1), ('0-9,5000000-', 0, 9)])
def test_one_range(files, tls, asked, first, last):
    answer = files.get(files.name, {'Range': 'bytes=' + asked}, tls=tls)
    assert (answer.status, answer.headers['Content-Range']) == (206, 'bytes %d-%d/%d' % (first, last, SIZE))
    assert (answer.headers['Content-Type'], answer.headers['ETag']) == (TYPE, '"%s"' % files.name)
    assert answer.body == DATA[first:last + 1]


@both
def test_several_ranges_come_as_multipart_in_the_order_asked_for(files, tls):
    connection = files.connect(tls)
    answer = ask(connection, files.name, {'Range': 'bytes=500000-799999, 0-9,-1'})
    assert answer.status == 206
    assert answer.headers.get_content_type() == 'multipart/byteranges'
    assert answer.headers['Content-Range'] is None
    assert answer.parts() == [(TYPE, 'bytes %d-%d/%d' % (a, b, SIZE), DATA[a:b + 1]) for a, b in
                              ((500000, 799999), (0, 9), (SIZE - 1, SIZE - 1))]
    assert ask(connection, files.name, {'Range': 'bytes=0-1'}).body == DATA[:2], 'its length was right: the connection goes on'


@pytest.mark.parametrize('asked', ['0-10,10-20', '0-,0-,0-', ','.join('%d-%d' % (10 * i, 10 * i) for i in range(17)), '9-3', 'x', '1-2,'
                                   + 'y'])
def test_overlaps_too_many_and_bad_syntax_get_the_whole(files, asked):
    answer = files.get(files.name, {'Range': 'bytes=' + asked})
    assert (answer.status, answer.body) == (200, DATA)


@pytest.mark.parametrize('asked', ['%d-' % SIZE, '-0', '%d-%d,-0' % (SIZE, SIZE + 5)])
def test_nothing_that_exists_is_416_with_the_size(files, asked):
    connection = files.connect()
    answer = ask(connection, files.name, {'Range': 'bytes=' + asked})
    assert (answer.status, answer.headers['Content-Range'], answer.body) == (416, 'bytes */%d' % SIZE, b'')
    assert answer.headers['Content-Disposition'] is None, 'that describes a file that does not come'
    assert ask(connection, files.name).status == 200


@both
def test_positions_beyond_4_gib(files, tls):
    size = 5 * GIB + 3
    name = files.put_sparse(size, {4 * GIB - 2: b'edge', size - 3: b'end'})
    assert files.get(name, method='HEAD', tls=tls).headers['Content-Length'] == str(size)
    assert files.get(name, {'Range': 'bytes=%d-%d' % (4 * GIB - 3, 4 * GIB + 2)}, tls=tls).body == b'\0edge\0'
    assert files.get(name, {'Range': 'bytes=-3'}, tls=tls).body == b'end'
    assert [p[1:] for p in files.get(name, {'Range': 'bytes=-3,%d-%d' % (4 * GIB, 4 * GIB + 1)}, tls=tls).parts()] == [
        ('bytes %d-%d/%d' % (size - 3, size - 1, size), b'end'), ('bytes %d-%d/%d' % (4 * GIB, 4 * GIB + 1, size), b'ge')]


# ---- conditions

def test_if_range_goes_on_only_with_the_same_file(files):
    part = {'Range': 'bytes=0-9'}
    assert files.get(files.name, dict(part, **{'If-Range': '"%s"' % files.name})).status == 206
    for other in '"%s"' % (64 * '0'), 'W/"%s"' % files.name, 'Sat, 28 Nov 2026 21:00:00 GMT':
        answer = files.get(files.name, dict(part, **{'If-Range': other}))
        assert (answer.status, answer.body) == (200, DATA), other


def test_if_none_match_saves_the_body(files):
    tag = '"%s"' % files.name
    for same in tag, 'W/' + tag, '"x", ' + tag, '*':
        for method in 'GET', 'HEAD':
            answer = files.get(files.name, {'If-None-Match': same, 'Range': 'bytes=0-9'}, method)
            assert (answer.status, answer.headers['ETag'], answer.body) == (304, tag, b''), same
            assert answer.headers['Cache-Control'] == 'private, immutable'
    assert files.get(files.name, {'If-None-Match': '"x"'}).body == DATA


def test_if_match_wants_the_same_file(files):
    tag = '"%s"' % files.name
    assert files.get(files.name, {'If-Match': '"x", ' + tag}).status == 200
    assert files.get(files.name, {'If-Match': '*'}).status == 200
    for other in '"x"', 'W/' + tag:
        answer = files.get(files.name, {'If-Match': other, 'If-None-Match': tag})
        assert (answer.status, answer.body) == (412, b''), 'If-Match comes first'


# ---- cuts and slowness

@both
def test_curl_goes_on_after_a_cut(files, tls, tmp_path):
    connection = files.connect(tls)
    connection.request('GET', '/files/' + files.name)
    begun = connection.getresponse().read(300000)
    connection.close()
    file = tmp_path / 'download'
    file.write_bytes(begun)
    curl(files, '-C', '-', '-o', str(file), tls=tls)
    assert file.read_bytes() == DATA


def test_cut_connections_leave_no_file_open(files):
    name = files.put(DATA * 8)
    lines = [files.connect(buffer=4096) for _ in range(20)]
    for line in lines:
        line.request('GET', '/files/' + name)
        line.getresponse().read(1000)
    until('downloads are counted', lambda: files.metric('link_downloads') == 20)
    assert files.metric('link_files_open') == 1, 'one file, one descriptor'
    for line in lines:
        line.close()
    until('all is closed', lambda: files.metric('link_downloads') == 0 and files.metric('link_files_open') == 0)


@both
def test_who_reads_slowly_gets_every_byte(files, tls):
    name = files.put(DATA * 4)

    def read(got):
        response_of = files.connect(tls, buffer=4096)
        response_of.request('GET', '/files/' + name)
        response, digest = response_of.getresponse(), hashlib.sha256()
        while chunk := response.read1(1500):
            digest.update(chunk)
        got.append(digest.hexdigest())

    got = []
    readers = [threading.Thread(target=read, args=(got,)) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert got == 4 * [name]


def test_requests_for_files_write_nothing_to_the_disk(files):
    def commits():
        return [files.metric('commit_seconds_count', plugin) for plugin in ('link', 'downloads')]
    until('link has reported', lambda: files.metric('link_file_bytes_total'))
    before, handled = commits(), files.metric('messages_total', 'downloads')
    connection = files.connect()
    for i in range(50):
        assert ask(connection, files.name, {'Range': 'bytes=%d-%d' % (i, i)}).body == DATA[i:i + 1]
    until('the plugin has reported them', lambda: files.metric('messages_total', 'downloads') >= handled + 50)
    assert commits() == before
