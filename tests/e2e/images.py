"""Images of firmware for Bluetooth piles (docs/protocols/ble.md, "Images"), as their makers sign them; shares no line with plugins/ble/core."""
import hashlib

from ble_visitor import tlv, u8, u16, u32
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from piles import raw


class Makers:
    def __init__(self, n):
        self.keys = [Ed25519PrivateKey.generate() for _ in range(n)]
        self.public = [raw(k.public_key()).hex() for k in self.keys]

    def image(self, body, version, counter, signers, hardware='sim'):
        """A file that the first so many of them have signed."""
        fields = tlv({1: u8(1), 6: u32(counter), 7: hashlib.sha256(body).digest(), 8: u32(len(body)),
                      0x13: hardware.encode().ljust(16, b'\0'), 0x15: u32(version)})
        signed = sorted(raw(k.public_key())[:4] + k.sign(b'CPB1-IMG' + fields) for k in self.keys[:signers])
        return u16(len(fields)) + fields + u8(len(signed)) + b''.join(signed) + body
