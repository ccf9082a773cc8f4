package example.ble;

import java.nio.ByteBuffer;

/** A visit to a pile, as an app on Android has it: the methods of ble_term_jni.c, and what `next` answers, read. */
public final class Visit implements AutoCloseable {
    /** What is to be done next: enum ble_term_action. */
    public static final int WRITE = 1, MET = 2, ANSWER = 3, RECORD = 4, HEAD = 5, CLOSED = 6;
    /** What was asked: enum ble_type. */
    public static final int AUTH = 0x10, START = 0x12, STOP = 0x14, STATUS = 0x16, REC_GET = 0x20, RCPT_PUT = 0x24, KEYSET_PUT = 0x25, TIME_PUT = 0x26;

    /** Something to do, or an answer. */
    public static final class Step {
        public final int action, request, result, records, chain;
        public final long seq;
        public final byte[] pile = new byte[16], nonce = new byte[16], session = new byte[16], data;

        Step(byte[] raw) {
            ByteBuffer b = ByteBuffer.wrap(raw); // big endian, as the glue writes it
            action = b.get();
            request = b.get() & 0xff;
            result = b.get() & 0xff;
            records = b.get() & 0xff;
            chain = b.getInt();
            seq = b.getLong();
            b.get(pile).get(nonce).get(session);
            data = new byte[b.remaining()];
            b.get(data);
        }
    }

    private final long handle;

    public Visit(byte[] root, byte[] holderSeed, int mtu, byte[] random, long nowMs) {
        handle = open(root, holderSeed, mtu, random, nowMs);
        if (handle == 0)
            throw new IllegalArgumentException("root and seed have 32 bytes, random has 48, and an MTU is 23 to 517");
    }

    /** Null: wait for a value, or until deadline(). */
    public Step next(long nowMs) {
        byte[] raw = next(handle, nowMs);
        return raw == null ? null : new Step(raw);
    }

    public int value(byte[] value, long nowMs) { return value(handle, value, nowMs); }
    public int auth(byte[] voucher) { return auth(handle, voucher); }
    public int put(int type, byte[] document) { return put(handle, type, document); }
    public int start(int connector, byte[] order) { return start(handle, connector, order); }
    public int stop(int connector, byte[] order) { return stop(handle, connector, order); }
    public int status() { return status(handle); }
    public int fetch(int chain, long from, int most, byte[] nonce) { return fetch(handle, chain, from, most, nonce); }
    public void stored(boolean kept) { stored(handle, kept); }
    public long deadline() { return deadline(handle); }
    public boolean idle() { return idle(handle); }

    @Override
    public void close() { close(handle); }

    private static native long open(byte[] root, byte[] holderSeed, int mtu, byte[] random, long nowMs);
    private static native void close(long visit);
    private static native int value(long visit, byte[] value, long nowMs);
    private static native byte[] next(long visit, long nowMs);
    private static native int auth(long visit, byte[] voucher);
    private static native int put(long visit, int type, byte[] document);
    private static native int start(long visit, int connector, byte[] order);
    private static native int stop(long visit, int connector, byte[] order);
    private static native int status(long visit);
    private static native int fetch(long visit, int chain, long from, int most, byte[] nonce);
    private static native void stored(long visit, boolean kept);
    private static native long deadline(long visit);
    private static native boolean idle(long visit);
}
