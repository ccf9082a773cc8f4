/* Signing in by a one-time code. Signing up is the same: whoever shows the code of a contact that no customer has
 * becomes one, so neither answer tells whether a contact is known. Neither codes nor what SignIn gives are kept as they
 * are. */
#include <plugins/billing/orders/orders.h>
#include "people_rows.h"

#include <lib/hex.h>

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)
#define CODES_PER_HOUR 3 /* to one contact */
#define TRIES_MAX 5      /* of one code */
#define CODE_DIGITS 6
#define SALT_SIZE 16
#define ACCESS_SIZE 16 /* bytes, random */
#define ACCESS_CHARS (2 * ACCESS_SIZE)
#define ME_ORDERS_MAX 20
#define HASH_CHARS (2 * SHA256_DIGEST_LENGTH)

const struct gv_table people_codes = { .name = "codes", .key = "s", .value = &billing__code_row__descriptor };
const struct gv_table people_accesses = { .name = "accesses", .key = "s", .value = &billing__access_row__descriptor };
const struct gv_table people_accesses_of = { .name = "accesses_of",
					     .key = "sis",
					     .value = &billing__access_of__descriptor };

/* ---- codes ----------------------------------------------------------------------------------- */

static void hash_code(const ProtobufCBinaryData *salt, const char *code, uint8_t ret[static SHA256_DIGEST_LENGTH])
{
	HMAC(EVP_sha256(), salt->data, (int)salt->len, (const uint8_t *)code, strlen(code), ret, NULL);
}

static void random_bytes(struct gv_turn *t, uint8_t *ret, size_t size)
{
	for (size_t i = 0; i < size; i += 8) {
		uint64_t random = gv_random(t);

		memcpy(ret + i, &random, size - i < 8 ? size - i : 8);
	}
}

/* All codes of this minute are at most so many: what a stranger who asks for others' costs and annoys is bounded. */
static bool too_many(struct billing *b, struct gv_turn *t)
{
	int64_t minute = gv_now_ms(t) / 60000;

	if (b->codes_minute != minute) {
		b->codes_minute = minute;
		b->codes_sent = 0;
	}
	return b->codes_sent++ >= b->config->sign_in->codes_per_minute;
}

/* Forgets what was sent more than an hour ago. */
static void drop_old(struct gv_turn *t, Billing__CodeRow *row)
{
	size_t old = 0;

	while (old < row->n_sent_at_ms && row->sent_at_ms[old] <= gv_now_ms(t) - HOUR_MS)
		old++;
	row->sent_at_ms += old;
	row->n_sent_at_ms -= old;
}

static const char *request_problem(struct billing *b, struct gv_turn *t, const Billing__RequestCodeRequest *r,
				   char ret_contact[static CONTACT_MAX + 1])
{
	static const char in_tag[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
	const char *problem = contact_read(r->contact, ret_contact);

	if (problem)
		return gv_str(t, "contact %s", problem);
	if ((problem = people_deliver_problem(b, ret_contact)))
		return gv_str(t, "contact: %s", problem);
	if ((problem = contact_text_problem(r->name, 200)))
		return gv_str(t, "name %s", problem);
	if (strlen(r->language) > 35 || r->language[strspn(r->language, in_tag)])
		return "language must be a language tag, as hu or de-AT is";
	return NULL;
}

static int send_code(struct billing *b, struct gv_turn *t, const char *contact, Billing__CodeRow *row)
{
	const Billing__SignIn *config = b->config->sign_in;
	const Billing__ContactRow *known = gv_get(t, &people_contacts, gv_key(contact));
	char *code = gv_str(t, "%0*u", CODE_DIGITS, (unsigned)(gv_random(t) % 1000000));

	row->salt.len = SALT_SIZE;
	row->salt.data = gv_alloc(t, SALT_SIZE);
	random_bytes(t, row->salt.data, SALT_SIZE);
	row->hash.len = SHA256_DIGEST_LENGTH;
	row->hash.data = gv_alloc(t, SHA256_DIGEST_LENGTH);
	hash_code(&row->salt, code, row->hash.data);
	row->tries = 0;
	row->valid_until_ms = gv_now_ms(t) + (int64_t)config->code_s * 1000;
	*GV_APPEND(t, row->sent_at_ms, row->n_sent_at_ms) = gv_now_ms(t);
	if (row->forget_at_ms)
		people_ends_not(t, row->forget_at_ms, "code", contact);
	row->forget_at_ms = gv_now_ms(t) + HOUR_MS;
	people_ends_at(t, row->forget_at_ms, "code", contact);
	gv_put(t, &people_codes, gv_key(contact), row);
	people_ends_arm(t);
	gv_count(t, "codes_sent", 1);
	return people_deliver(b, t, contact, code, known ? known->customer : "", config->code_s / 60);
}

int people_request_code(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__RequestCodeRequest *r = (const Billing__RequestCodeRequest *)m;
	Billing__RequestCodeReply reply = BILLING__REQUEST_CODE_REPLY__INIT;
	Billing__CodeRow row = BILLING__CODE_ROW__INIT;
	const Billing__CodeRow *before;
	char contact[CONTACT_MAX + 1];
	const char *problem;
	int error;

	if ((problem = request_problem(self, t, r, contact)))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", problem);
	before = gv_get(t, &people_codes, gv_key(contact));
	if (before)
		row = *before;
	drop_old(t, &row);
	if (row.n_sent_at_ms >= CODES_PER_HOUR)
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED,
				 "%d codes were sent to this contact within an hour: use the last one, or wait",
				 CODES_PER_HOUR);
	if (too_many(self, t))
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED,
				 "too many people are signing in at the moment: try again in a minute");
	row.name = r->name;
	row.language = r->language;
	error = send_code(self, t, contact, &row);
	reply.valid_until_ms = row.valid_until_ms;
	return error ? error : gv_reply(t, to, &reply);
}

int people_code_ends(struct gv_turn *t, const char *contact)
{
	return gv_delete(t, &people_codes, gv_key(contact));
}

/* ---- signing in ------------------------------------------------------------------------------ */

/* Whether this is the code; counts the try. */
static bool code_is_right(struct gv_turn *t, const char *contact, const char *code)
{
	const Billing__CodeRow *row = gv_get(t, &people_codes, gv_key(contact));
	uint8_t hash[SHA256_DIGEST_LENGTH];
	Billing__CodeRow now;
	bool right;

	if (!row || row->hash.len != sizeof hash || row->valid_until_ms <= gv_now_ms(t) || row->tries >= TRIES_MAX)
		return false;
	hash_code(&row->salt, code, hash);
	right = !CRYPTO_memcmp(hash, row->hash.data, sizeof hash);
	now = *row;
	now.tries++;
	if (right || now.tries == TRIES_MAX)
		now.hash.len = 0;
	gv_put(t, &people_codes, gv_key(contact), &now);
	return right;
}

/* The contact's customer, made if there is none. NULL: it cannot be. */
static const Billing__Customer *customer_of(struct billing *b, struct gv_turn *t, const char *contact)
{
	const Billing__ContactRow *known = gv_get(t, &people_contacts, gv_key(contact));
	const Billing__CodeRow *row = gv_get(t, &people_codes, gv_key(contact));
	Billing__Customer new = BILLING__CUSTOMER__INIT, *made = gv_alloc(t, sizeof *made);
	const char *problem;
	enum gv_code code;

	if (known)
		return people_customer(t, known->customer);
	if (contact_is_phone(contact))
		new.phone = (char *)contact;
	else
		new.email = (char *)contact;
	new.name = row->name;
	new.language = row->language;
	problem = people_store_customer(b, t, &new, made, &code);
	if (problem)
		gv_fault(t, "%s", problem);
	else
		gv_log(t, GV_INFO, "customer signed up customer=%s", made->id);
	return problem ? NULL : made;
}

static void hash_access(const char *access, char ret[static HASH_CHARS + 1])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)access, strlen(access), digest);
	gv_hex_write(digest, sizeof digest, ret);
}

static void forget_access(struct gv_turn *t, const char *customer, int64_t until_ms, const char *hash)
{
	gv_delete(t, &people_accesses, gv_key(hash));
	gv_delete(t, &people_accesses_of, gv_key(customer, until_ms, hash));
	people_ends_not(t, until_ms, "access", hash);
}

/* Makes room for one more. */
static void end_oldest(struct gv_turn *t, const char *customer)
{
	struct gv_scan scan = { .table = &people_accesses_of, .prefix = gv_key(customer) };
	unsigned n = 0;

	while (gv_next(t, &scan))
		n++;
	scan = (struct gv_scan){ .table = &people_accesses_of, .prefix = gv_key(customer) };
	for (; n >= PEOPLE_ACCESSES_MAX && gv_next(t, &scan); n--)
		forget_access(t, customer, scan.key.part[1].i, scan.key.part[2].s);
}

static char *give_access(struct billing *b, struct gv_turn *t, const char *customer, int64_t *ret_until_ms)
{
	Billing__AccessRow row = BILLING__ACCESS_ROW__INIT;
	Billing__AccessOf of = BILLING__ACCESS_OF__INIT;
	char *access = gv_alloc(t, ACCESS_CHARS + 1), hash[HASH_CHARS + 1];
	uint8_t random[ACCESS_SIZE];

	end_oldest(t, customer);
	random_bytes(t, random, sizeof random);
	gv_hex_write(random, sizeof random, access);
	hash_access(access, hash);
	row.customer = (char *)customer;
	row.valid_until_ms = gv_now_ms(t) + (int64_t)b->config->sign_in->access_s * 1000;
	gv_put(t, &people_accesses, gv_key(hash), &row);
	gv_put(t, &people_accesses_of, gv_key(customer, row.valid_until_ms, hash), &of);
	people_ends_at(t, row.valid_until_ms, "access", hash);
	people_ends_arm(t);
	*ret_until_ms = row.valid_until_ms;
	return access;
}

/* As its owner may see it. */
static Billing__Customer *own_view(struct gv_turn *t, const Billing__Customer *customer)
{
	Billing__Customer *view = gv_alloc(t, sizeof *view);

	*view = *customer;
	view->note = (char *)protobuf_c_empty_string;
	return view;
}

int people_sign_in(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__SignInRequest *r = (const Billing__SignInRequest *)m;
	Billing__SignInReply reply = BILLING__SIGN_IN_REPLY__INIT;
	const Billing__Customer *customer;
	char contact[CONTACT_MAX + 1], code[CODE_DIGITS + 1] = "";
	const char *problem = contact_read(r->contact, contact);
	size_t n = 0;

	if (problem)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "contact %s", problem);
	for (const char *s = r->code; *s; s++) /* people type blanks into it */
		if (*s != ' ' && n++ < CODE_DIGITS)
			code[n - 1] = *s;
	if (n != CODE_DIGITS || strspn(code, "0123456789") != CODE_DIGITS)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "code must have %d digits", CODE_DIGITS);
	if (!code_is_right(t, contact, code)) {
		gv_count(t, "wrong_codes", 1);
		return gv_refuse(t, to, GV_UNAUTHENTICATED, "the code is wrong or too old: ask for another one");
	}
	customer = customer_of(self, t, contact);
	if (!customer)
		return -EINVAL;
	if (customer->blocked)
		return gv_refuse(t, to, GV_PERMISSION_DENIED, "customer %s is blocked: ask the operator", customer->id);
	reply.access = give_access(self, t, customer->id, &reply.valid_until_ms);
	reply.customer = own_view(t, customer);
	return gv_reply(t, to, &reply);
}

/* ---- signed in ------------------------------------------------------------------------------- */

static const Billing__AccessRow *find_access(struct gv_turn *t, const char *access,
					     char ret_hash[static HASH_CHARS + 1])
{
	if (strlen(access) != ACCESS_CHARS)
		return NULL;
	hash_access(access, ret_hash);
	return gv_get(t, &people_accesses, gv_key(ret_hash));
}

const char *people_signed_in(struct billing *b, struct gv_turn *t, const char *access)
{
	char hash[HASH_CHARS + 1];
	const Billing__AccessRow *row = find_access(t, access, hash);
	const Billing__Customer *customer;

	if (!row || row->valid_until_ms <= gv_now_ms(t))
		return NULL;
	customer = people_customer(t, row->customer);
	return customer && !customer->blocked ? customer->id : NULL;
}

int people_sign_out(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Billing__SignOutReply reply = BILLING__SIGN_OUT_REPLY__INIT;
	char hash[HASH_CHARS + 1];
	const Billing__AccessRow *row = find_access(t, ((const Billing__SignOutRequest *)m)->access, hash);

	if (row)
		forget_access(t, row->customer, row->valid_until_ms, hash);
	return gv_reply(t, to, &reply);
}

int people_access_ends(struct gv_turn *t, const char *hash)
{
	const Billing__AccessRow *row = gv_get(t, &people_accesses, gv_key(hash));

	if (row)
		forget_access(t, row->customer, row->valid_until_ms, hash);
	return 0;
}

void people_end_accesses(struct gv_turn *t, const char *customer)
{
	struct gv_scan scan = { .table = &people_accesses_of, .prefix = gv_key(customer) };

	while (gv_next(t, &scan))
		forget_access(t, customer, scan.key.part[1].i, scan.key.part[2].s);
}

/* The newest ones, for the driver's page. */
static void collect_orders(struct billing *b, struct gv_turn *t, const char *customer, Billing__GetMeReply *reply)
{
	struct gv_scan scan = { .table = &orders_times,
				.prefix = gv_key(gv_str(t, "c:%s", customer)),
				.reverse = true };

	while (reply->n_orders < ME_ORDERS_MAX && gv_next(t, &scan)) {
		Billing__OrderRow *row = orders_take(t, scan.key.part[2].s);

		if (!row)
			continue;
		orders_show(b, t, row);
		*GV_APPEND(t, reply->orders, reply->n_orders) = row->order;
	}
}

int people_get_me(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const char *id = people_signed_in(self, t, ((const Billing__GetMeRequest *)m)->access);
	Billing__GetMeReply reply = BILLING__GET_ME_REPLY__INIT;

	if (!id)
		return gv_refuse(t, to, GV_UNAUTHENTICATED, "you are not signed in any more: sign in again");
	reply.customer = own_view(t, people_customer(t, id));
	people_collect(self, t, id, &reply.tokens, &reply.n_tokens, &reply.accounts, &reply.n_accounts);
	collect_orders(self, t, id, &reply);
	return gv_reply(t, to, &reply);
}
