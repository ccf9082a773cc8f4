package example.ble;

/** A pile with the mind of firmware (plugins/ble/pile), and the factory and cloud that sign for it: pile_jni.c. */
final class Pile {
    /** Makes the keys of all, boots the pile, and signs a voucher for this holder. There is one in a process. */
    static native void make(byte[] holderPublic);
    static native byte[] root();
    static native byte[] keyset();
    static native byte[] voucher();
    static native byte[] order();
    /** Of the holder's seed. */
    static native byte[] publicKey(byte[] seed);
    static native void connect(long nowMs);
    static native int receive(byte[] value, long nowMs);
    /** The next value to notify; null: none. */
    static native byte[] segment(int mtu, long nowMs);
    static native void disconnect();
    /** The cloud judges a record that was carried; its result. */
    static native int ingest(byte[] record);
    /** The receipt for what it has. */
    static native byte[] receipt();
    static native boolean charging();
    static native int started();
    /** Records without a receipt. */
    static native long pending();
}
