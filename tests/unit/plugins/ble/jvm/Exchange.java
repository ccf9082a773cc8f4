package example.ble;

import java.io.File;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A whole exchange in a JVM, over values of each MTU: the handshake, START, STOP, the records, their receipt; and over a connection that is lost in
 * between. Exit code 0: all of it held.
 */
public final class Exchange {
    private static final SecureRandom random = new SecureRandom();
    private static long now = 1000;

    private final byte[] seed = bytes(32);
    private final List<byte[]> records = new ArrayList<>();
    private final Set<Integer> answered = new HashSet<>();

    private static byte[] bytes(int n) {
        byte[] ret = new byte[n];
        random.nextBytes(ret);
        return ret;
    }

    private static void must(boolean held, String what) {
        if (!held)
            throw new AssertionError(what);
    }

    private void enter(Visit visit) {
        must(visit.put(Visit.KEYSET_PUT, Pile.keyset()) == 0, "a key set may go before AUTH");
        must(visit.auth(Pile.voucher()) == 0, "AUTH");
        if (!answered.contains(Visit.START))
            must(visit.start(1, Pile.order()) == 0, "START");
        must(visit.status() == 0, "STATUS");
        if (!answered.contains(Visit.STOP))
            must(visit.stop(1, bytes(16)) == 0, "STOP");
        must(visit.fetch(0, 0, 16, bytes(16)) == 0, "REC_GET");
    }

    private void answer(Visit visit, Visit.Step step) {
        must(step.result == 0, "request " + step.request + " is answered with " + step.result);
        answered.add(step.request);
        if (step.request == Visit.START)
            must(Pile.charging() && step.seq > 0, "the answer to START comes from a pile that charges");
        if (step.request == Visit.STOP)
            must(!Pile.charging(), "and that to STOP from one that does not");
        if (step.request != Visit.REC_GET)
            return;
        must(step.records == records.size() && !records.isEmpty(), "as many records as were kept");
        for (byte[] record : records)
            must(Pile.ingest(record) == 0, "the cloud takes what was carried");
        must(visit.put(Visit.RCPT_PUT, Pile.receipt()) == 0, "RCPT_PUT");
    }

    /** One connection, lost after so many values; 0: not. */
    private void visit(int mtu, int cut) {
        int values = 0;
        Pile.connect(now);
        records.clear();
        try (Visit visit = new Visit(Pile.root(), seed, mtu, bytes(48), now)) {
            for (boolean more = true; more;) {
                Visit.Step step;
                while ((step = visit.next(++now)) != null) {
                    if (step.action == Visit.WRITE) {
                        must(step.data.length <= Math.min(mtu - 3, 510), "a value fits");
                        Pile.receive(step.data, now);
                        if (++values == cut)
                            return;
                    } else if (step.action == Visit.MET) {
                        enter(visit);
                    } else if (step.action == Visit.RECORD) {
                        records.add(step.data);
                        visit.stored(true);
                    } else if (step.action == Visit.ANSWER) {
                        answer(visit, step);
                    } else {
                        must(step.action == Visit.HEAD, "the visit is over: " + step.result);
                    }
                }
                byte[] value = Pile.segment(mtu, now);
                more = value != null;
                if (more)
                    visit.value(value, now);
                if (more && ++values == cut)
                    return;
            }
            must(visit.idle(), "nothing is left to do");
        } finally {
            Pile.disconnect();
        }
    }

    private static void run(int mtu, int cut) {
        Exchange it = new Exchange();
        Pile.make(Pile.publicKey(it.seed));
        if (cut > 0)
            it.visit(mtu, cut);
        it.visit(mtu, 0);
        must(it.answered.contains(Visit.RCPT_PUT), "the receipt was brought");
        must(Pile.pending() == 0, "the pile may forget");
        must(Pile.started() == 1, "one session, however often it was asked for");
    }

    public static void main(String[] args) {
        for (String library : args)
            System.load(new File(library).getAbsolutePath());
        try {
            new Visit(new byte[31], new byte[32], 185, new byte[48], now);
            must(false, "a root of 31 bytes");
        } catch (IllegalArgumentException e) {
            // as it should be
        }
        for (int mtu : new int[] {23, 185, 517}) {
            run(mtu, 0);
            for (int cut = 3; cut < (mtu == 23 ? 120 : 20); cut += 4)
                run(mtu, cut);
        }
    }
}
