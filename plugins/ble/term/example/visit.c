/* What an app does at a pile, in small: it shows a voucher, starts, stops, and carries the records away. The pile is a
 * child of this program, at the other end of a pair of sockets; a packet is an attribute value.
 *
 *     visit [MTU] [CUT]      CUT: the connection is lost after so many values, and made again
 */
#include "post.h"

#include <ble_term.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define KID 1
#define LIFE_S 3600

static uint8_t root_key[32], cloud_key[32], holder_key[32];
static uint8_t root[32], cloud[32], holder[32];

static void die(const char *what)
{
	fprintf(stderr, "visit: %s\n", what);
	abort();
}

static void random_bytes(void *ret, size_t size)
{
	if (getrandom(ret, size, 0) != (ssize_t)size)
		die("no random numbers");
}

static void make_key(uint8_t secret[32], uint8_t public_key[32])
{
	random_bytes(secret, 32);
	if (ble_openssl_public(secret, public_key) < 0)
		die("no Ed25519");
}

/* ---- what factory and cloud sign ------------------------------------------------------------- */

static void make_pile(struct post *p)
{
	struct ble_certificate from = { .version = 1, .kid = KID, .expires = UINT32_MAX };
	int size;

	random_bytes(p->id, 16);
	make_key(p->key, from.pile_key);
	memcpy(from.pile, p->id, 16);
	memcpy(p->root, root, 32);
	size = ble_certificate_write(&ble_openssl, &from, root_key, p->certificate, sizeof(p->certificate));
	if (size < 0)
		die("no certificate");
	p->certificate_size = (size_t)size;
}

static size_t make_keyset(uint8_t *ret, size_t room)
{
	struct ble_keyset from = { .has = BLE_HAS(BLE_KEYSET_VOUCHER_KEY) | BLE_HAS(BLE_KEYSET_RECEIPT_KEY),
				   .version = 1,
				   .root_kid = KID,
				   .issued = 0x60000000,
				   .number = 1 };

	from.voucher_key[0][3] = from.receipt_key[3] = KID; /* four bytes of kid, and the key */
	memcpy(from.voucher_key[0] + 4, cloud, 32);
	memcpy(from.receipt_key + 4, cloud, 32);
	return (size_t)ble_keyset_write(&ble_openssl, &from, root_key, ret, room);
}

static size_t make_voucher(const struct post *p, uint8_t *ret, size_t room)
{
	struct ble_voucher from = { .version = 1,
				    .kid = KID,
				    .issued = 0x68000000,
				    .not_before = 0x68000000,
				    .expires = 0x68000000 + LIFE_S,
				    .max_wh = 10000,
				    .max_minutes = 60,
				    .max_minor = 500,
				    .flags = BLE_MAY_START | BLE_MAY_STOP | BLE_OFFLINE_OK };

	random_bytes(from.jti, 16);
	random_bytes(from.order, 16);
	memcpy(from.pile, p->id, 16);
	memcpy(from.holder, holder, 32);
	memcpy(from.currency, "EUR", 3);
	return (size_t)ble_voucher_write(&ble_openssl, &from, cloud_key, ret, room);
}

/* ---- the app --------------------------------------------------------------------------------- */

struct app {
	uint8_t keyset[BLE_DOCUMENT_MAX], voucher[BLE_DOCUMENT_MAX], order[16];
	size_t keyset_size, voucher_size;
	bool started, stopped;
	unsigned records; /* an app writes them into its database, before ble_term_stored() */
	bool carried;
};

/* What is wanted of this visit: what has no answer yet. */
static void enter(const struct app *a, struct ble_term *t)
{
	uint8_t nonce[16], other[16];

	random_bytes(nonce, sizeof(nonce));
	memcpy(other, a->order, 16);
	other[0] ^= 1;
	ble_term_put(t, BLE_KEYSET_PUT, a->keyset, a->keyset_size);
	ble_term_auth(t, a->voucher, a->voucher_size);
	if (!a->started)
		ble_term_start(t, 1, a->order);
	if (!a->stopped)
		ble_term_stop(t, 1, other);
	ble_term_fetch(t, 0, 0, BLE_TERM_CARRY_FOR, nonce);
}

static void answered(struct app *a, const struct ble_term_step *s)
{
	printf("0x%02x: %s\n", (unsigned)s->request, ble_result_name(s->result));
	if (s->result != BLE_OK)
		return;
	a->started |= s->request == BLE_START;
	a->stopped |= s->request == BLE_STOP;
	a->carried |= s->request == BLE_REC_GET;
}

/* Does all that can be done now; false: the visit is over. */
static bool act(struct app *a, struct ble_term *t, int fd)
{
	struct ble_term_step s;
	enum ble_term_action action;

	while ((action = ble_term_next(t, post_now_ms(), &s)) != BLE_TERM_WAIT) {
		if (action == BLE_TERM_WRITE && send(fd, s.data, s.size, MSG_NOSIGNAL) < 0)
			return false;
		if (action == BLE_TERM_MET)
			enter(a, t);
		if (action == BLE_TERM_ANSWER)
			answered(a, &s);
		if (action == BLE_TERM_RECORD) {
			a->records++;
			ble_term_stored(t, true);
		}
		if (action == BLE_TERM_CLOSED)
			return false;
	}
	return !ble_term_idle(t);
}

static void visit(struct app *a, int fd, unsigned mtu, unsigned cut)
{
	static struct ble_term t;
	struct ble_term_config config = {
		.crypto = &ble_openssl, .root = root, .holder_key = holder_key, .holder_public = holder, .mtu = mtu
	};
	uint8_t random[48], value[BLE_VALUE_MAX];
	ssize_t size;

	random_bytes(random, sizeof(random));
	if (ble_term_open(&t, &config, random, post_now_ms()) < 0)
		die("the MTU is none");
	while (act(a, &t, fd) && (!cut || --cut) && (size = recv(fd, value, sizeof(value), 0)) > 0)
		ble_term_value(&t, value, (size_t)size, post_now_ms());
	ble_term_close(&t);
}

/* The pile lives on between visits, so it is one process for all of them. */
static pid_t live(struct post *p, const int *ends, unsigned n, unsigned mtu)
{
	pid_t child = fork();

	if (child)
		return child;
	for (unsigned i = 0; i < n; i++) {
		close(ends[2 * i]);
		post_serve(p, ends[2 * i + 1], mtu);
		close(ends[2 * i + 1]);
	}
	_exit(p->pile.started == 1 ? 0 : 1);
}

int main(int argc, char **argv)
{
	static struct post post;
	static struct app app;
	unsigned mtu = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 185;
	unsigned cut = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	int ends[4], status = 1;
	pid_t child;

	make_key(root_key, root);
	make_key(cloud_key, cloud);
	make_key(holder_key, holder);
	make_pile(&post);
	app.keyset_size = make_keyset(app.keyset, sizeof(app.keyset));
	app.voucher_size = make_voucher(&post, app.voucher, sizeof(app.voucher));
	random_bytes(app.order, sizeof(app.order));
	if (post_boot(&post) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends + 2) < 0)
		die("no pile");
	child = live(&post, ends, 2, mtu);
	close(ends[1]);
	close(ends[3]);
	visit(&app, ends[0], mtu, cut);
	close(ends[0]);
	if (!app.started || !app.stopped || !app.carried)
		visit(&app, ends[2], mtu, 0); /* the same orders again */
	close(ends[2]);
	waitpid(child, &status, 0);
	printf("started %d stopped %d records %u\n", app.started, app.stopped, app.records);
	return app.started && app.stopped && app.carried && app.records && status == 0 ? 0 : 1;
}
