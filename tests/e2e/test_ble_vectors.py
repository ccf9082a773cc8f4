"""The vectors that the C core of CPB1 is held to are what the protocol's page says, by a second implementation in another language."""
import os
import subprocess
import sys

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'fixtures', 'ble')


def test_the_committed_vectors_are_what_the_script_writes():
    done = subprocess.run([sys.executable, os.path.join(FIXTURES, 'ble_vectors.py')], capture_output=True, text=True, check=True)
    with open(os.path.join(FIXTURES, 'vectors.json'), encoding='utf-8') as f:
        assert done.stdout == f.read()


def test_the_script_tells_vectors_that_differ(tmp_path):
    with open(os.path.join(FIXTURES, 'vectors.json'), encoding='utf-8') as f:
        text = f.read()
    other = tmp_path / 'vectors.json'
    for changed, code in ((text, 0), (text.replace('"th": "f3', '"th": "f4'), 1)):
        other.write_text(changed)
        done = subprocess.run([sys.executable, os.path.join(FIXTURES, 'ble_vectors.py'), str(other)], capture_output=True, text=True)
        assert done.returncode == code, done.stdout
