"""The disk under one store of a real node, which fails, or on which the node dies, when a test says so (tests/integration/failing_disk.c)."""
import os
import struct

import pytest

from galvan import PLUGINS

LIBRARY = os.path.join(PLUGINS, 'tests', 'integration', 'failing_disk.so')
WHAT = ['nothing', 'fail_sync', 'fail_pages', 'fail_meta', 'die_before_commit', 'die_within_pages', 'die_without_a_sync', 'die_after_commit']


class Disk:
    def __init__(self, folder, store='/billing.0/'):
        if not os.path.exists(LIBRARY):
            pytest.skip('the failing disk is not built: %s' % LIBRARY)
        self.path = os.path.join(folder, 'disk')
        self.env = {'LD_PRELOAD': LIBRARY, 'GALVAN_DISK': self.path, 'GALVAN_DISK_OF': store}
        with open(self.path, 'wb') as f:
            f.write(bytes(16))

    def will(self, what, after=0, error=0):
        """From now on; `after` so many such operations."""
        with open(self.path, 'r+b', buffering=0) as f:
            f.write(struct.pack('4I', WHAT.index(what), after, error, 0))

    def heal(self):
        self.will('nothing')

    def hits(self):
        with open(self.path, 'rb') as f:
            return struct.unpack('4I', f.read(16))[3]
