/* Customers: who they are and how they are reached. An e-mail address and a phone number lead to one customer each,
 * since they are what people sign in with. */
#include "people_rows.h"

#include <plugins/billing/ledger/ledger.h>

#include <string.h>

#define GROUPS_MAX 16
#define GROUP_MAX 64 /* characters */

const struct gv_table people_customers = { .name = "customers", .key = "s", .value = &billing__customer__descriptor };
const struct gv_table people_contacts = { .name = "contacts", .key = "s", .value = &billing__contact_row__descriptor };

const Billing__Customer *people_customer(struct gv_turn *t, const char *id)
{
	return *id && strlen(id) <= PEOPLE_ID_MAX ? gv_get(t, &people_customers, gv_key(id)) : NULL;
}

char *people_random_id(struct gv_turn *t, const char *prefix, unsigned n)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* no i, l, o, u: people read these out */
	size_t size = strlen(prefix);
	char *id = gv_alloc(t, size + n + 1);
	uint64_t random = 0;

	memcpy(id, prefix, size);
	for (unsigned i = 0; i < n; i++) {
		if (i % 12 == 0)
			random = gv_random(t);
		id[size + i] = digits[random & 31];
		random >>= 5;
	}
	return id;
}

/* ---- what may be stored ---------------------------------------------------------------------- */

static bool is_id(const char *id)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return *id && strlen(id) <= PEOPLE_ID_MAX && !id[strspn(id, allowed)];
}

static const char *groups_problem(struct gv_turn *t, const Billing__Customer *c)
{
	if (c->n_groups > GROUPS_MAX)
		return gv_str(t, "customer.groups: at most %d", GROUPS_MAX);
	for (size_t i = 0; i < c->n_groups; i++) {
		if (!*c->groups[i] || contact_text_problem(c->groups[i], GROUP_MAX))
			return gv_str(t, "customer.groups[%zu] must have 1 to %d characters of plain text", i,
				      GROUP_MAX);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(c->groups[i], c->groups[j]))
				return gv_str(t, "customer.groups[%zu] \"%s\" is there twice", i, c->groups[i]);
	}
	return NULL;
}

static const char *texts_problem(struct gv_turn *t, const Billing__Customer *c)
{
	static const char in_tag[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
	const char *problem;

	if (*c->id && !is_id(c->id))
		return gv_str(t, "customer.id must have 1 to %d of A-Z, a-z, 0-9, '.', '_' and '-'", PEOPLE_ID_MAX);
	if ((problem = contact_text_problem(c->name, 200)))
		return gv_str(t, "customer.name %s", problem);
	if (strlen(c->language) > 35 || c->language[strspn(c->language, in_tag)])
		return "customer.language must be a language tag, as hu or de-AT is";
	if ((problem = contact_text_problem(c->note, 1000)))
		return gv_str(t, "customer.note %s", problem);
	return groups_problem(t, c);
}

/* Reads a contact into *field; what is wrong with it, or NULL. */
static const char *take_contact(struct gv_turn *t, const char *name, char **field, const char *id,
				const char *(*read)(const char *, char *), enum gv_code *ret_code)
{
	char normal[CONTACT_MAX + 1];
	const Billing__ContactRow *row;
	const char *problem;

	*ret_code = GV_INVALID_ARGUMENT;
	if (!**field)
		return NULL;
	if ((problem = read(*field, normal)))
		return gv_str(t, "customer.%s %s", name, problem);
	*field = gv_strdup(t, normal);
	row = gv_get(t, &people_contacts, gv_key(*field));
	*ret_code = GV_ALREADY_EXISTS;
	if (row && strcmp(row->customer, id) != 0)
		return gv_str(t, "customer.%s %s is that of customer %s", name, *field, row->customer);
	return NULL;
}

/* ---- storing --------------------------------------------------------------------------------- */

/* Makes the contact `now` lead to the customer instead of `before`; whether one was taken away. */
static bool move_contact(struct gv_turn *t, const char *before, const char *now, char *id)
{
	Billing__ContactRow row = BILLING__CONTACT_ROW__INIT;

	if (!strcmp(before, now))
		return false;
	row.customer = id;
	if (*before)
		gv_delete(t, &people_contacts, gv_key(before));
	if (*now)
		gv_put(t, &people_contacts, gv_key(now), &row);
	return *before;
}

const char *people_store_customer(struct billing *b, struct gv_turn *t, const Billing__Customer *from,
				  Billing__Customer *ret, enum gv_code *ret_code)
{
	const Billing__Customer *before;
	Billing__Customer c = *from;
	const char *problem;
	bool lost;

	*ret_code = GV_INVALID_ARGUMENT;
	if ((problem = texts_problem(t, from)))
		return problem;
	if (!*c.id)
		c.id = people_random_id(t, "C-", 12);
	if ((problem = take_contact(t, "email", &c.email, c.id, contact_email, ret_code)) ||
	    (problem = take_contact(t, "phone", &c.phone, c.id, contact_phone, ret_code)))
		return problem;
	before = people_customer(t, c.id);
	c.created_at_ms = before ? before->created_at_ms : gv_now_ms(t);
	lost = move_contact(t, before ? before->email : "", c.email, c.id);
	lost |= move_contact(t, before ? before->phone : "", c.phone, c.id);
	gv_put(t, &people_customers, gv_key(c.id), &c);
	if (lost || c.blocked) /* whoever signed in with it may be somebody else by now */
		people_end_accesses(t, c.id);
	if (before && (before->blocked || c.blocked))
		people_tell_all(b, t, c.id, true);
	*ret = c;
	return NULL;
}

int people_put_customer(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__PutCustomerRequest *r = (const Billing__PutCustomerRequest *)m;
	Billing__PutCustomerReply reply = BILLING__PUT_CUSTOMER_REPLY__INIT;
	Billing__Customer customer;
	const char *problem;
	enum gv_code code;

	if (!r->customer)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "customer is missing");
	problem = people_store_customer(self, t, r->customer, &customer, &code);
	if (problem)
		return gv_refuse(t, to, code, "%s", problem);
	reply.customer = &customer;
	return gv_reply_when_heard(t, to, &reply);
}

/* ---- looking --------------------------------------------------------------------------------- */

static void add_account(struct billing *b, struct gv_turn *t, const char *id, Billing__Account ***list, size_t *n)
{
	*GV_APPEND(t, *list, *n) = ledger_account(t, id, b->config->currency);
}

void people_collect(struct billing *b, struct gv_turn *t, const char *customer, Billing__Token ***ret_tokens,
		    size_t *ret_n_tokens, Billing__Account ***ret_accounts, size_t *ret_n_accounts)
{
	struct gv_scan scan = { .table = &people_tokens_of, .prefix = gv_key(customer) };

	add_account(b, t, gv_str(t, "wallet:%s", customer), ret_accounts, ret_n_accounts);
	while (gv_next(t, &scan)) {
		const Billing__Token *token = people_token(t, scan.key.part[1].s);

		if (!token)
			continue;
		*GV_APPEND(t, *ret_tokens, *ret_n_tokens) = (Billing__Token *)token;
		if (token->own_purse)
			add_account(b, t, gv_str(t, "card:%s", token->id), ret_accounts, ret_n_accounts);
	}
}

int people_get_customer(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const char *id = ((const Billing__GetCustomerRequest *)m)->id;
	Billing__GetCustomerReply reply = BILLING__GET_CUSTOMER_REPLY__INIT;
	const Billing__Customer *customer = people_customer(t, id);

	if (!customer)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no customer \"%s\"", id);
	reply.customer = (Billing__Customer *)customer;
	people_collect(self, t, id, &reply.tokens, &reply.n_tokens, &reply.accounts, &reply.n_accounts);
	return gv_reply(t, to, &reply);
}

/* The customer that a contact leads to, as a list of at most one. */
static int list_contact(struct gv_turn *t, struct gv_ticket to, const char *contact)
{
	const Billing__ContactRow *row = gv_get(t, &people_contacts, gv_key(contact));
	Billing__ListCustomersReply reply = BILLING__LIST_CUSTOMERS_REPLY__INIT;
	const Billing__Customer *customer = row ? people_customer(t, row->customer) : NULL;

	if (customer)
		*GV_APPEND(t, reply.customers, reply.n_customers) = (Billing__Customer *)customer;
	return gv_reply(t, to, &reply);
}

int people_list_customers(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__ListCustomersRequest *r = (const Billing__ListCustomersRequest *)m;
	Billing__ListCustomersReply reply = BILLING__LIST_CUSTOMERS_REPLY__INIT;
	struct gv_scan scan = { .table = &people_customers };
	uint32_t limit = billing_limit(r->limit), seen = 0;
	char contact[CONTACT_MAX + 1];
	bool more = true;

	if (gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page: \"%s\" is not the nextPage of an answer", r->page);
	if (*r->search && !contact_read(r->search, contact))
		return list_contact(t, to, contact);
	while (reply.n_customers < limit && seen++ < PEOPLE_SCAN_MAX && (more = gv_next(t, &scan))) {
		const Billing__Customer *c = scan.row;

		if (!*r->search || strcasestr(c->name, r->search) || !strcasecmp(c->id, r->search))
			*GV_APPEND(t, reply.customers, reply.n_customers) = (Billing__Customer *)c;
	}
	if (more)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* What the config names and the store lacks; what is there already stays as people have changed it. */
static int make_missing(struct billing *b, struct gv_turn *t)
{
	const Billing__Config *c = b->config;
	const char *problem = NULL;
	enum gv_code code;

	for (size_t i = 0; i < c->n_customers; i++) {
		Billing__Customer made;

		if (!*c->customers[i]->id)
			return gv_fault(t, "the config's customers[%zu]: id must be given", i);
		if (!people_customer(t, c->customers[i]->id))
			problem = people_store_customer(b, t, c->customers[i], &made, &code);
		if (problem)
			return gv_fault(t, "the config's customers[%zu]: %s", i, problem);
	}
	for (size_t i = 0; i < c->n_tokens; i++) {
		Billing__Token made;

		if (!people_token(t, c->tokens[i]->id))
			problem = people_store_token(b, t, c->tokens[i], &made, &code);
		if (problem)
			return gv_fault(t, "the config's tokens[%zu]: %s", i, problem);
	}
	return 0;
}

int people_start(struct billing *b, struct gv_turn *t)
{
	const char *problem = people_deliver_config_problem(b->config->sign_in);
	int error;

	if (problem)
		return gv_fault(t, "%s", problem);
	b->account_changed = people_account_changed;
	error = make_missing(b, t);
	return error ? error : people_ends_arm(t);
}
