/* See books.h. */
#include "books.h"
#include "scenario.h"
#include "till.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BILLING "galvan.billing.v1.Billing/"

struct books {
	struct host *h;
	cJSON *root;
	const cJSON *charges;
};

struct sums {
	int64_t incl, receivable, paid_till;
};

struct host_answer *books_call(struct host *h, const char *method, const char *json)
{
	char name[80];

	snprintf(name, sizeof name, BILLING "%s", method);
	return host_call(h, name, "%s", json);
}

struct host_answer *books_must(struct host *h, const char *method, const char *json)
{
	struct host_answer *a = books_call(h, method, json);

	host_check(h, a->code == GV_OK, "%s is refused: %s", method, a->error);
	return a;
}

bool books_has(const cJSON *list, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) if (!strcmp(item->valuestring, text)) return true;
	return false;
}

const char *books_text(const cJSON *of, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

int64_t books_number(const cJSON *of, const char *name)
{
	return strtoll(books_text(of, name), NULL, 10);
}

struct books *books_open(struct host *h)
{
	struct books *b = calloc(1, sizeof *b);

	host_check(h, b, "no memory");
	b->h = h;
	b->root = cJSON_Parse(books_must(h, "ListCharges", "{\"limit\":1000}")->json);
	b->charges = cJSON_GetObjectItemCaseSensitive(b->root, "charges");
	return b;
}

void books_close(struct books *b)
{
	cJSON_Delete(b->root);
	free(b);
}

const cJSON *books_charges(const struct books *b)
{
	return b->charges;
}

static const cJSON *credit_of(const cJSON *charges, const char *id)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, charges) if (!strcmp(books_text(c, "creditOf"), id)) return c;
	return NULL;
}

const cJSON *books_charge_of(const struct books *b, const char *session, unsigned *ret_n)
{
	const cJSON *c, *found = NULL;

	*ret_n = 0;
	cJSON_ArrayForEach(c, b->charges)
	{
		const cJSON *credit = credit_of(b->charges, books_text(c, "id"));

		if (strcmp(books_text(c, "session"), session) != 0 || *books_text(c, "creditOf") ||
		    (credit && strcmp(books_text(credit, "reason"), BOOKS_BY_HAND) != 0))
			continue;
		found = c;
		++*ret_n;
	}
	return found;
}

/* ---- sums ------------------------------------------------------------------------------------ */

static int64_t account(struct host *h, const char *id, const char *field)
{
	char json[100], path[60];
	struct host_answer *a;

	snprintf(json, sizeof json, "{\"id\":\"%s\"}", id);
	a = books_call(h, "GetAccount", json);
	if (a->code == GV_NOT_FOUND)
		return 0;
	host_check(h, a->code == GV_OK, "account %s: %s", id, a->error);
	snprintf(path, sizeof path, "account.%s", field);
	return scenario_int(h, a->json, path);
}

static int64_t net(struct host *h, const char *prefix)
{
	char json[100];
	struct host_answer *a;
	const cJSON *item;
	cJSON *root;
	int64_t sum = 0;

	snprintf(json, sizeof json, "{\"prefix\":\"%s\",\"limit\":1000}", prefix);
	a = books_must(h, "ListAccounts", json);
	root = cJSON_Parse(a->json);
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "accounts"))
		sum += books_number(item, "creditsPosted") - books_number(item, "debitsPosted");
	cJSON_Delete(root);
	return sum;
}

static bool is_unbooked(const cJSON *c)
{
	return books_has(cJSON_GetObjectItemCaseSensitive(c, "flags"), "unpaid") ||
	       !strcmp(books_text(c, "use"), "CHARGE_USE_PRIVATE");
}

/* What was paid at once, by whatever paid. */
static int64_t paid(const cJSON *c)
{
	const cJSON *price = cJSON_GetObjectItemCaseSensitive(c, "price");

	return books_number(price, "incl") - books_number(c, "receivable");
}

static void add_charge(const cJSON *c, struct sums *s)
{
	if (is_unbooked(c))
		return;
	s->incl += books_number(cJSON_GetObjectItemCaseSensitive(c, "price"), "incl");
	s->receivable += books_number(c, "receivable");
	if (*books_text(c, "order") && !*books_text(c, "customer"))
		s->paid_till += paid(c);
}

/* What the provider has of each payment in the end: captured and not sent back, or nothing at all. */
static void add_payment(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	int64_t *sum = arg;

	host_check(h, strcmp(scenario_str(h, json, "state"), "PAYMENT_STATE_AUTHORISED") != 0,
		   "the provider still holds money of a person: %s", json);
	*sum += scenario_int(h, json, "captured") - scenario_int(h, json, "refunded");
}

/* ---- what must hold -------------------------------------------------------------------------- */

static bool pays(const struct books_purse *purse, const cJSON *c)
{
	return purse->customer ? *books_text(c, "order") && !strcmp(books_text(c, "customer"), purse->customer)
			       : !*books_text(c, "order");
}

static void check_purse(const struct books *b, const struct books_purse *purse)
{
	int64_t has = account(b->h, purse->account, "available"), taken = 0;
	const cJSON *c;

	cJSON_ArrayForEach(c, b->charges) taken += !is_unbooked(c) && pays(purse, c) ? paid(c) : 0;
	host_check(b->h, has == purse->top_up - taken, "%s has %lld, but of %lld the charges took %lld", purse->account,
		   (long long)has, (long long)purse->top_up, (long long)taken);
	host_check(b->h, !account(b->h, purse->account, "debitsPending"), "money of %s is still held", purse->account);
}

static void check_money(const struct books *b)
{
	struct host *h = b->h;
	struct sums s = { 0 };
	const cJSON *c;
	int64_t till = 0;

	cJSON_ArrayForEach(c, b->charges) add_charge(c, &s);
	host_rows(h, "till.0", TILL_PAYMENTS, add_payment, &till);
	host_check(h, till == s.paid_till, "the provider has %lld, by the charges it is %lld", (long long)till,
		   (long long)s.paid_till);
	host_check(h, -net(h, "psp:") == till, "the books say that the provider has %lld, it has %lld",
		   (long long)-net(h, "psp:"), (long long)till);
	host_check(h, net(h, "income:") + net(h, "vat:") == s.incl, "income and taxes are %lld, the charges %lld",
		   (long long)(net(h, "income:") + net(h, "vat:")), (long long)s.incl);
	host_check(h, net(h, "receivable:") == -s.receivable, "owed is %lld, by the charges %lld",
		   (long long)-net(h, "receivable:"), (long long)s.receivable);
	host_check(h, net(h, "suspense") == 0, "%lld are left in suspense", (long long)net(h, "suspense"));
}

static const char *payments_of(struct host *h)
{
	return books_must(h, "ListPayments", "{}")->json;
}

static void check_orders(struct host *h)
{
	struct host_answer *a = books_must(h, "ListOrders", "{}");
	cJSON *root = cJSON_Parse(a->json);
	const cJSON *o;

	cJSON_ArrayForEach(o, cJSON_GetObjectItemCaseSensitive(root, "orders"))
		host_check(h,
			   !strcmp(books_text(o, "state"), "ORDER_STATE_CLOSED") ||
				   !strcmp(books_text(o, "state"), "ORDER_STATE_VOIDED"),
			   "order %s is left in %s: %s", books_text(o, "id"), books_text(o, "state"), payments_of(h));
	cJSON_Delete(root);
}

void books_check(const struct books *b, const struct books_purse *purses, size_t n)
{
	struct host *h = b->h;
	size_t told = host_events(h, "galvan.billing.v1.ChargeRecorded");
	struct host_answer *a;

	check_orders(h);
	for (size_t i = 0; i < n; i++)
		check_purse(b, &purses[i]);
	check_money(b);
	host_check(h, told == (size_t)cJSON_GetArraySize(b->charges), "%d charges, and %zu were told",
		   cJSON_GetArraySize(b->charges), told);
	a = books_must(h, "Verify", "{}");
	host_check(h, scenario_int(h, a->json, "sound"), "the books are not sound: %s", a->json);
}
