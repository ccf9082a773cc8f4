/* What CPB1 costs a core in cryptography and in itself: whole handshakes of both ends in one process, records written
 * and judged, and sealed bodies opened, beside a bare Ed25519 verification, which is what a judgement cannot do
 * without. Processor time, so that others' load counts little. */
#include <plugins/ble/core/ble_core.h>
#include <plugins/ble/core/ble_openssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 30
#define EACH 32 /* of a thing in a round */

static const struct ble_crypto *const c = &ble_openssl;
static const uint8_t root_key[32] = "root", pile_key[32] = "pile", holder_key[32] = "holder", seal_key[32] = "seal",
		     fresh[32] = "fresh", pile[16] = "a pile", nonce[16] = "nonce";
static uint8_t root[32], pile_public[32], seal_public[32], voucher[BLE_DOCUMENT_MAX], certificate[BLE_CERTIFICATE_MAX];
static uint8_t clear[BLE_RECORD_MAX], sealed[BLE_RECORD_MAX];
static size_t voucher_size, certificate_size, clear_size, sealed_size;
static struct ble_chain chain = { .next = 1 };
static struct ble_record end = { .type = BLE_RECORD_END, .meter_wh = 1241567, .session_wh = 7000 };

/* Nothing here may fail; a bench of failures would be fast. */
static int must(int r, const char *what)
{
	if (r >= 0)
		return r;
	fprintf(stderr, "%s: %s\n", what, ble_result_name(r));
	exit(1);
}

static void prepare(void)
{
	struct ble_certificate cert = { .version = 1, .kid = 1, .expires = UINT32_MAX };
	struct ble_voucher v = {
		.version = 1, .kid = 1, .issued = 1, .expires = 3600, .flags = BLE_MAY_START | BLE_OFFLINE_OK
	};
	struct ble_seal seal = { 1, seal_public, fresh };
	struct ble_chain from = chain;

	must(ble_openssl_public(root_key, root), "root");
	must(ble_openssl_public(pile_key, pile_public), "pile");
	must(ble_openssl_public(holder_key, v.holder), "holder");
	must(c->x25519(NULL, seal_key, NULL, seal_public), "seal");
	memcpy(cert.pile, pile, 16);
	memcpy(v.pile, pile, 16);
	memcpy(chain.pile, pile, 16);
	memcpy(cert.pile_key, pile_public, 32);
	certificate_size = (size_t)must(ble_certificate_write(c, &cert, root_key, certificate, sizeof(certificate)),
					"certificate");
	voucher_size = (size_t)must(ble_voucher_write(c, &v, root_key, voucher, sizeof(voucher)), "voucher");
	for (unsigned tag = BLE_RECORD_CONNECTOR; tag <= BLE_RECORD_DURATION; tag++)
		end.has |= BLE_HAS(tag);
	from = chain;
	clear_size = (size_t)must(ble_record_write(c, &from, &end, NULL, pile_key, clear, sizeof(clear)), "record");
	from = chain;
	sealed_size = (size_t)must(ble_record_write(c, &from, &end, &seal, pile_key, sealed, sizeof(sealed)),
				   "sealed record");
}

static struct ble_message carry(struct ble_link *from, struct ble_link *to)
{
	uint8_t value[BLE_VALUE_MAX];
	struct ble_message m = { 0 };
	int n;

	while ((n = must(ble_link_segment(from, 247, value, sizeof(value)), "segment")) > 0)
		must(ble_link_receive(to, value, (size_t)n, 0, &m), "receive");
	return m;
}

/* From HELLO to AUTH_OK, both ends. */
static void handshake(void)
{
	static struct ble_link t, p;
	static const struct ble_used used;
	static const struct ble_facts facts;
	struct ble_keyset keys = { .has = BLE_HAS(BLE_KEYSET_VOUCHER_KEY), .voucher_key = { { 0, 0, 0, 1 } } };
	struct ble_clock clock = { 0 };
	struct ble_gate gate = { .pile = pile, .keys = &keys, .clock = &clock, .used = &used };
	struct ble_voucher v;
	struct ble_message m;

	memcpy(keys.voucher_key[0] + 4, root, 32);
	ble_link_init(&t, &(struct ble_link_config){ .crypto = c, .root = root }, 0);
	ble_link_init(&p,
		      &(struct ble_link_config){ .end = BLE_PILE,
						 .crypto = c,
						 .pile = pile,
						 .pile_key = pile_key,
						 .certificate = { certificate, certificate_size } },
		      0);
	must(ble_link_hello(&t, fresh, nonce), "hello");
	carry(&t, &p);
	must(ble_link_hello_ack(&p, seal_key, nonce, &facts), "hello ack");
	carry(&p, &t);
	must(ble_link_auth(&t, voucher, voucher_size, holder_key), "auth");
	m = carry(&t, &p);
	must(ble_link_admit(&p, &gate, m.body.at, m.body.size, &v), "admit");
	must(carry(&p, &t).type == BLE_AUTH_OK ? 0 : -BLE_UNEXPECTED, "auth ok");
}

static void verify(void)
{
	static uint8_t sig[BLE_SIG_SIZE];

	if (!sig[0])
		must(c->sign(NULL, pile_key, clear, 40, sig), "sign");
	must(-c->verify(NULL, pile_public, clear, 40, sig), "verify");
}

static void write_record(void)
{
	struct ble_chain own = chain;
	uint8_t bytes[BLE_RECORD_MAX];

	must(ble_record_write(c, &own, &end, NULL, pile_key, bytes, sizeof(bytes)), "record");
}

static void judge(void)
{
	static const struct ble_neighbours nothing;
	struct ble_record it;
	uint8_t hash[32];

	must(ble_record_judge(c, pile_public, &chain, &nothing, clear, clear_size, &it, hash), "judge");
}

static void open_record(void)
{
	uint8_t scratch[BLE_RECORD_MAX];
	struct ble_record it;

	must(ble_record_read(sealed, sealed_size, &it), "read");
	must(ble_record_open(c, &it, 1, seal_key, scratch), "open");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How many a second of processor time, in the median round. */
static double measure(const char *name, void (*work)(void))
{
	double took_s[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		double start_s = now_s();

		for (int i = 0; i < EACH; i++)
			work();
		took_s[round] = now_s() - start_s;
	}
	qsort(took_s, ROUNDS, sizeof(*took_s), compare);
	printf("%-34s %9.0f /s per core in the median round, %9.0f in the fastest\n", name, EACH / took_s[ROUNDS / 2],
	       EACH / took_s[0]);
	return EACH / took_s[ROUNDS / 2];
}

int main(void)
{
	double bare, judged;

	prepare();
	bare = measure("CPB1: a bare Ed25519 verification", verify);
	judged = measure("CPB1: records judged", judge);
	measure("CPB1: records written", write_record);
	measure("CPB1: sealed bodies opened", open_record);
	measure("CPB1: handshakes, both ends", handshake);
	printf("CPB1: a judgement is %.2f of a bare verification\n", judged / bare);
	return 0;
}
