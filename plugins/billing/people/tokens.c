/* Tokens: cards, apps and guests. What a token may do depends on itself, its customer and the balance of the account
 * that pays; whenever one of these changes, and the outcome with it, those who let people charge are told. */
#include "people_rows.h"

#include <plugins/billing/ledger/ledger.h>

#include <string.h>

#define SITES_MAX 64
#define SITE_MAX 64 /* bytes */
#define GUEST_DIGITS 18

const struct gv_table people_tokens = { .name = "tokens", .key = "s", .value = &billing__token_row__descriptor };
const struct gv_table people_tokens_of = { .name = "tokens_of", .key = "ss", .value = &billing__token_of__descriptor };
const struct gv_table people_guests = { .name = "guests", .key = "s", .value = &billing__token__descriptor };

char *people_fold(struct gv_turn *t, const char *id)
{
	char *fold = gv_strdup(t, id);

	for (char *s = fold; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
	return fold;
}

static const Billing__TokenRow *find(struct gv_turn *t, const char *fold)
{
	return *fold && strlen(fold) <= PEOPLE_ID_MAX ? gv_get(t, &people_tokens, gv_key(fold)) : NULL;
}

const Billing__Token *people_token(struct gv_turn *t, const char *id)
{
	const char *fold = people_fold(t, id);
	const Billing__TokenRow *row = find(t, fold);

	if (row)
		return row->token;
	return *fold && strlen(fold) <= PEOPLE_ID_MAX ? gv_get(t, &people_guests, gv_key(fold)) : NULL;
}

const char *people_account(struct gv_turn *t, const Billing__Token *token)
{
	if (token->use == BILLING__TOKEN_USE__TOKEN_USE_PRIVATE)
		return NULL;
	if (token->own_purse)
		return gv_str(t, "card:%s", token->id);
	return *token->customer ? gv_str(t, "wallet:%s", token->customer) : NULL;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* In OCPP's words. */
static const char *status_of(struct billing *b, struct gv_turn *t, const Billing__Token *token)
{
	const Billing__Customer *customer = people_customer(t, token->customer);
	const char *account;

	if (token->state == BILLING__TOKEN_STATE__TOKEN_STATE_EXPIRED ||
	    (token->valid_until_ms && token->valid_until_ms <= gv_now_ms(t)))
		return "Expired";
	if (token->state != BILLING__TOKEN_STATE__TOKEN_STATE_ACTIVE || (customer && customer->blocked))
		return "Blocked";
	if (token->use == BILLING__TOKEN_USE__TOKEN_USE_PRIVATE)
		return "Accepted";
	account = people_account(t, token);
	return account && ledger_available(t, account, b->config->currency) > 0 ? "Accepted" : "Blocked";
}

static bool same(struct gv_turn *t, const Billing__TokenChanged *a, const Billing__TokenChanged *b)
{
	size_t size = billing__token_changed__get_packed_size(a);
	uint8_t *packed = gv_alloc(t, 2 * size + 1);

	if (size != billing__token_changed__get_packed_size(b))
		return false;
	billing__token_changed__pack(a, packed);
	billing__token_changed__pack(b, packed + size);
	return !memcmp(packed, packed + size, size);
}

/* `again`: even what was told already, for a caller who is answered when it has been heard: it may still be under way.
 */
static int tell(struct billing *b, struct gv_turn *t, const char *fold, bool again)
{
	const Billing__TokenRow *row = find(t, fold);
	Billing__TokenChanged event = BILLING__TOKEN_CHANGED__INIT;
	Billing__TokenRow changed;

	if (!row)
		return 0;
	event.token = (char *)fold;
	event.id = row->token->id;
	event.type = (char *)people_type(row->token);
	event.status = (char *)status_of(b, t, row->token);
	event.parent = row->token->parent;
	event.sites = row->token->sites;
	event.n_sites = row->token->n_sites;
	event.valid_until_ms = row->token->valid_until_ms;
	event.max_sessions = row->token->max_sessions;
	event.partition = (char *)"billing";
	if (row->told && !again && same(t, row->told, &event))
		return 0;
	changed = *row;
	changed.told = &event;
	gv_put(t, &people_tokens, gv_key(fold), &changed);
	return gv_emit(t, &event);
}

int people_tell(struct billing *b, struct gv_turn *t, const char *token)
{
	return tell(b, t, people_fold(t, token), false);
}

int people_tell_all(struct billing *b, struct gv_turn *t, const char *customer, bool again)
{
	struct gv_scan scan = { .table = &people_tokens_of, .prefix = gv_key(customer) };
	int error = 0;

	while (!error && gv_next(t, &scan))
		error = tell(b, t, scan.key.part[1].s, again);
	return error;
}

int people_account_changed(struct billing *b, struct gv_turn *t, const char *account)
{
	if (!strncmp(account, "card:", 5))
		return people_tell(b, t, account + 5);
	return strncmp(account, "wallet:", 7) ? 0 : people_tell_all(b, t, account + 7, false);
}

int people_snapshot(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &people_tokens };

	while (gv_next(t, &scan))
		gv_emit(t, ((const Billing__TokenRow *)scan.row)->told);
	return 0;
}

/* ---- what may be stored ---------------------------------------------------------------------- */

static bool is_id(const char *id)
{
	if (!*id || strlen(id) > PEOPLE_ID_MAX)
		return false;
	for (; *id; id++)
		if (*id <= ' ' || *id > '~')
			return false;
	return true;
}

static const char *sites_problem(struct gv_turn *t, const Billing__Token *token)
{
	if (token->n_sites > SITES_MAX)
		return gv_str(t, "token.sites: at most %d", SITES_MAX);
	for (size_t i = 0; i < token->n_sites; i++)
		if (!*token->sites[i] || strlen(token->sites[i]) > SITE_MAX ||
		    contact_text_problem(token->sites[i], SITE_MAX))
			return gv_str(t, "token.sites[%zu] is no site's id", i);
	return NULL;
}

static const char *fields_problem(struct gv_turn *t, const Billing__Token *token)
{
	const char *problem;

	if (!is_id(token->id))
		return gv_str(t, "token.id must have 1 to %d visible ASCII characters and no blank", PEOPLE_ID_MAX);
	if (token->kind != BILLING__TOKEN_KIND__TOKEN_KIND_RFID && token->kind != BILLING__TOKEN_KIND__TOKEN_KIND_APP)
		return "token.kind must be TOKEN_KIND_RFID or TOKEN_KIND_APP: guests' tokens are made by Checkout";
	if (token->use != BILLING__TOKEN_USE__TOKEN_USE_COMMERCIAL &&
	    token->use != BILLING__TOKEN_USE__TOKEN_USE_PRIVATE)
		return gv_str(t, "token.use: there is no use %d", token->use);
	if (token->state == BILLING__TOKEN_STATE__TOKEN_STATE_REPLACED)
		return "token.state cannot be set to TOKEN_STATE_REPLACED: ReplaceToken does that";
	if (token->state < 0 || token->state > BILLING__TOKEN_STATE__TOKEN_STATE_REPLACED)
		return gv_str(t, "token.state: there is no state %d", token->state);
	if (*token->parent && (strlen(token->parent) > 20 || !is_id(token->parent)))
		return "token.parent must have at most 20 visible ASCII characters and no blank";
	if (!people_type_known(token->type))
		return gv_str(t, "token.type cannot be \"%.20s\": give one of OCPP 2.0.1's, as ISO15693", token->type);
	if (token->valid_until_ms < 0)
		return "token.validUntilMs must not be negative; 0 means for ever";
	if ((problem = contact_text_problem(token->group, 64)))
		return gv_str(t, "token.group %s", problem);
	if ((problem = contact_text_problem(token->label, 100)))
		return gv_str(t, "token.label %s", problem);
	return sites_problem(t, token);
}

static bool has_many(struct gv_turn *t, const char *customer)
{
	struct gv_scan scan = { .table = &people_tokens_of, .prefix = gv_key(customer) };
	unsigned n = 0;

	while (n < PEOPLE_TOKENS_MAX && gv_next(t, &scan))
		n++;
	return n == PEOPLE_TOKENS_MAX;
}

/* What the store has against it. */
static const char *fit_problem(struct billing *b, struct gv_turn *t, const Billing__Token *token,
			       const Billing__Token *before, enum gv_code *ret_code)
{
	const Billing__Account *purse;

	*ret_code = GV_FAILED_PRECONDITION;
	if (*token->customer && !people_customer(t, token->customer))
		return gv_str(t, "token.customer \"%s\" is not known: PutCustomer it first", token->customer);
	if (*token->customer && (!before || strcmp(before->customer, token->customer) != 0) &&
	    has_many(t, token->customer))
		return gv_str(t, "customer %s has %d tokens already", token->customer, PEOPLE_TOKENS_MAX);
	if (!before)
		return NULL;
	if (before->state == BILLING__TOKEN_STATE__TOKEN_STATE_REPLACED)
		return gv_str(t, "token %s was replaced by %s: change that one", before->id, before->replaced_by);
	if (!before->own_purse || token->own_purse)
		return NULL;
	purse = ledger_account(t, gv_str(t, "card:%s", before->id), b->config->currency);
	if (purse->available || purse->debits_pending || purse->credits_pending)
		return gv_str(t, "token %s has money in its purse: move it first, then clear token.ownPurse",
			      before->id);
	return NULL;
}

/* ---- storing --------------------------------------------------------------------------------- */

static void write_token(struct billing *b, struct gv_turn *t, const char *fold, Billing__Token *now)
{
	const Billing__TokenRow *before = find(t, fold);
	Billing__TokenRow row = BILLING__TOKEN_ROW__INIT;
	Billing__TokenOf of = BILLING__TOKEN_OF__INIT;

	if (now->valid_until_ms && now->valid_until_ms <= gv_now_ms(t) &&
	    now->state == BILLING__TOKEN_STATE__TOKEN_STATE_ACTIVE)
		now->state = BILLING__TOKEN_STATE__TOKEN_STATE_EXPIRED;
	if (before && *before->token->customer)
		gv_delete(t, &people_tokens_of, gv_key(before->token->customer, fold));
	if (*now->customer)
		gv_put(t, &people_tokens_of, gv_key(now->customer, fold), &of);
	if (before && before->token->valid_until_ms)
		people_ends_not(t, before->token->valid_until_ms, "token", fold);
	if (now->valid_until_ms > gv_now_ms(t))
		people_ends_at(t, now->valid_until_ms, "token", fold);
	row.token = now;
	row.told = before ? before->told : NULL;
	gv_put(t, &people_tokens, gv_key(fold), &row);
	if (now->valid_until_ms || (before && before->token->valid_until_ms))
		people_ends_arm(t);
	tell(b, t, fold, true);
}

const char *people_store_token(struct billing *b, struct gv_turn *t, const Billing__Token *from, Billing__Token *ret,
			       enum gv_code *ret_code)
{
	const char *fold, *problem;
	const Billing__Token *before;
	Billing__Token now = *from;

	*ret_code = GV_INVALID_ARGUMENT;
	if ((problem = fields_problem(t, from)))
		return problem;
	fold = people_fold(t, from->id);
	if (gv_get(t, &people_guests, gv_key(fold)))
		return gv_str(t, "token.id %s is a guest's", from->id);
	before = people_token(t, fold);
	if ((problem = fit_problem(b, t, from, before, ret_code)))
		return problem;
	/* The spelling stays: the account of its purse is named by it. */
	now.id = before ? before->id : from->id;
	now.created_at_ms = before ? before->created_at_ms : gv_now_ms(t);
	now.replaced_by = (char *)protobuf_c_empty_string;
	write_token(b, t, fold, &now);
	*ret = now;
	return NULL;
}

int people_token_ends(struct billing *b, struct gv_turn *t, const char *fold)
{
	const Billing__TokenRow *row = find(t, fold);
	Billing__TokenRow changed;
	Billing__Token token;

	if (!row)
		return 0;
	changed = *row;
	token = *row->token;
	changed.token = &token;
	if (token.state == BILLING__TOKEN_STATE__TOKEN_STATE_ACTIVE)
		token.state = BILLING__TOKEN_STATE__TOKEN_STATE_EXPIRED;
	gv_put(t, &people_tokens, gv_key(fold), &changed);
	gv_log(t, GV_INFO, "token expired token=%s", token.id);
	return tell(b, t, fold, false);
}

int people_guest_token(struct billing *b, struct gv_turn *t, const char *customer, char ret_id[static 21])
{
	Billing__Token token = BILLING__TOKEN__INIT;

	do
		token.id = people_random_id(t, "q-", GUEST_DIGITS);
	while (people_token(t, token.id));
	token.kind = BILLING__TOKEN_KIND__TOKEN_KIND_GUEST;
	token.customer = (char *)customer;
	token.max_sessions = 1;
	token.created_at_ms = gv_now_ms(t);
	memcpy(ret_id, token.id, strlen(token.id) + 1);
	return gv_put(t, &people_guests, gv_key(token.id), &token);
}

/* ---- calls ----------------------------------------------------------------------------------- */

int people_put_token(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__PutTokenRequest *r = (const Billing__PutTokenRequest *)m;
	Billing__PutTokenReply reply = BILLING__PUT_TOKEN_REPLY__INIT;
	Billing__Token token;
	const char *problem;
	enum gv_code code;

	if (!r->token)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "token is missing");
	problem = people_store_token(self, t, r->token, &token, &code);
	if (problem)
		return gv_refuse(t, to, code, "%s", problem);
	reply.token = &token;
	return gv_reply_when_heard(t, to, &reply);
}

/* NULL, or why the one cannot take the other's place. */
static const char *replace_problem(struct billing *b, struct gv_turn *t, const Billing__Token *old, const char *to,
				   enum gv_code *ret_code)
{
	const Billing__Account *purse;

	*ret_code = GV_INVALID_ARGUMENT;
	if (!is_id(to))
		return gv_str(t, "new must have 1 to %d visible ASCII characters and no blank", PEOPLE_ID_MAX);
	*ret_code = GV_ALREADY_EXISTS;
	if (people_token(t, to))
		return gv_str(t, "there is a token %s already: give one that is new", to);
	*ret_code = GV_FAILED_PRECONDITION;
	if (old->state == BILLING__TOKEN_STATE__TOKEN_STATE_REPLACED)
		return gv_str(t, "token %s was replaced by %s already", old->id, old->replaced_by);
	if (!old->own_purse)
		return NULL;
	purse = ledger_account(t, gv_str(t, "card:%s", old->id), b->config->currency);
	if (purse->debits_pending || purse->credits_pending)
		return gv_str(t,
			      "part of the money in the purse of %s is held for a session: wait until that has been "
			      "settled; meanwhile PutToken can set it to TOKEN_STATE_LOST",
			      old->id);
	return NULL;
}

static int move_purse(struct billing *b, struct gv_turn *t, const Billing__Token *old, const Billing__Token *new)
{
	Billing__Transfer transfer = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain = &transfer;
	struct ledger_error error;

	transfer.debit = gv_str(t, "card:%s", old->id);
	transfer.credit = gv_str(t, "card:%s", new->id);
	transfer.amount = ledger_available(t, transfer.debit, b->config->currency);
	transfer.id = gv_str(t, "replace:%s", old->id); /* which happens once */
	transfer.currency = b->config->currency;
	transfer.reason = (char *)"replacement";
	if (transfer.amount > 0 && ledger_book(b, t, &chain, 1, &error) == LEDGER_REFUSED)
		return gv_fail(t, GV_FAILED_PRECONDITION, "the purse of %s cannot be moved: %s", old->id, error.text);
	return 0;
}

int people_replace_token(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__ReplaceTokenRequest *r = (const Billing__ReplaceTokenRequest *)m;
	const Billing__TokenRow *row = find(t, people_fold(t, r->old));
	Billing__PutTokenReply reply = BILLING__PUT_TOKEN_REPLY__INIT;
	Billing__Token old, new;
	const char *problem;
	enum gv_code code;
	int error;

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no token \"%s\"", r->old);
	old = *row->token;
	new = old;
	if (*old.replaced_by && !strcasecmp(old.replaced_by, r->new_)) { /* said again */
		tell(self, t, people_fold(t, old.id), true);
		tell(self, t, people_fold(t, r->new_), true);
		reply.token = (Billing__Token *)people_token(t, r->new_);
		return gv_reply_when_heard(t, to, &reply);
	}
	problem = replace_problem(self, t, &old, r->new_, &code);
	if (problem)
		return gv_refuse(t, to, code, "%s", problem);
	new.id = r->new_;
	new.created_at_ms = gv_now_ms(t);
	if (old.state == BILLING__TOKEN_STATE__TOKEN_STATE_LOST)
		new.state = BILLING__TOKEN_STATE__TOKEN_STATE_ACTIVE;
	old.state = BILLING__TOKEN_STATE__TOKEN_STATE_REPLACED;
	old.replaced_by = new.id;
	write_token(self, t, people_fold(t, old.id), &old);
	write_token(self, t, people_fold(t, new.id), &new);
	error = old.own_purse ? move_purse(self, t, &old, &new) : 0;
	if (error)
		return error;
	reply.token = &new;
	return gv_reply_when_heard(t, to, &reply);
}

int people_list_tokens(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__ListTokensRequest *r = (const Billing__ListTokensRequest *)m;
	Billing__ListTokensReply reply = BILLING__LIST_TOKENS_REPLY__INIT;
	struct gv_scan scan = { .table = *r->customer ? &people_tokens_of : &people_tokens };
	uint32_t limit = billing_limit(r->limit);
	bool more = true;

	if (*r->customer && !people_customer(t, r->customer))
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no customer \"%s\"", r->customer);
	if (*r->customer)
		scan.prefix = gv_key(r->customer);
	if (gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page: \"%s\" is not the nextPage of an answer", r->page);
	while (reply.n_tokens < limit && (more = gv_next(t, &scan))) {
		const Billing__Token *token = *r->customer ? people_token(t, scan.key.part[1].s)
							   : ((const Billing__TokenRow *)scan.row)->token;

		if (token)
			*GV_APPEND(t, reply.tokens, reply.n_tokens) = (Billing__Token *)token;
	}
	if (more)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}
