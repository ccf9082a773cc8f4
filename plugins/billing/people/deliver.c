/* How a one-time code reaches its person: by e-mail, by a webhook (which may send an SMS), or, for development, by the
 * log. What leaves the node is a durable call to link, repeated with the same message id or idempotency key, so that
 * the far side can tell a repeat. */
#include "people_rows.h"

#include <lib/base64.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <galvan/link.pb-c.h>
#include <string.h>

static bool adapter_is(const struct billing *b, const char *name)
{
	return !strcmp(b->config->sign_in->adapter, name);
}

const char *people_deliver_config_problem(const Billing__SignIn *c)
{
	char address[CONTACT_MAX + 1];

	if (!strcmp(c->adapter, "smtp")) {
		if (strncmp(c->url, "smtp://", 7) != 0 && strncmp(c->url, "smtps://", 8) != 0)
			return "sign_in.url must be smtp://HOST:PORT or smtps://HOST:PORT, as sign_in.adapter is smtp";
		if (contact_email(c->from, address))
			return "sign_in.from must be an e-mail address, as sign_in.adapter is smtp";
	}
	if (!strcmp(c->adapter, "webhook") && strncmp(c->url, "http://", 7) != 0 && strncmp(c->url, "https://", 8) != 0)
		return "sign_in.url must be an http or https address, as sign_in.adapter is webhook";
	if (strpbrk(c->user, "\r\n:") || strpbrk(c->password, "\r\n"))
		return "sign_in.user must have neither a colon nor a line break, sign_in.password no line break";
	return NULL;
}

const char *people_deliver_problem(const struct billing *b, const char *contact)
{
	if (adapter_is(b, "smtp") && contact_is_phone(contact))
		return "codes are sent by e-mail here: give an e-mail address";
	return NULL;
}

static int by_mail(struct billing *b, struct gv_turn *t, const char *contact, const char *text,
		   const Billing__CodeSent *note, int64_t timeout_ms)
{
	const Billing__SignIn *c = b->config->sign_in;
	Link__SendMailRequest mail = LINK__SEND_MAIL_REQUEST__INIT;
	char *to[] = { (char *)contact };

	mail.url = c->url;
	mail.user = c->user;
	mail.password = c->password;
	mail.from = c->from;
	mail.to = to;
	mail.n_to = 1;
	mail.subject = (char *)"Your code for signing in";
	mail.text = (char *)text;
	mail.message_id = gv_str(t, "%016llx%016llx%s", (unsigned long long)gv_random(t),
				 (unsigned long long)gv_random(t), strrchr(c->from, '@'));
	return gv_call(t, &(struct gv_call){ .method = "galvan.link.v1.Mail/SendMail",
					     .request = &mail,
					     .note = note,
					     .timeout_ms = timeout_ms });
}

static Link__HttpHeader *header(struct gv_turn *t, const char *name, const char *value)
{
	Link__HttpHeader *h = gv_alloc(t, sizeof *h);

	link__http_header__init(h);
	h->name = (char *)name;
	h->value = (char *)value;
	return h;
}

/* What the config's user and password say to a web server: Basic with both, Bearer with the password alone. */
static const char *authorization(struct gv_turn *t, const Billing__SignIn *c)
{
	const char *pair = gv_str(t, "%s:%s", c->user, c->password), *value;
	struct gv_buf encoded = { 0 };

	if (!*c->user)
		return gv_str(t, "Bearer %s", c->password);
	gv_base64_write(&encoded, pair, strlen(pair));
	value = gv_str(t, "Basic %s", gv_buf_str(&encoded));
	gv_buf_fini(&encoded);
	return value;
}

static int by_webhook(struct billing *b, struct gv_turn *t, const char *contact, const char *code, const char *text,
		      const Billing__CodeSent *note, int64_t timeout_ms)
{
	const Billing__SignIn *c = b->config->sign_in;
	Link__FetchRequest fetch = LINK__FETCH_REQUEST__INIT;
	Link__HttpHeader *headers[2];
	cJSON *json = cJSON_CreateObject();
	char *body;
	int error;

	cJSON_AddStringToObject(json, "to", contact);
	cJSON_AddStringToObject(json, "code", code);
	cJSON_AddStringToObject(json, "text", text);
	body = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (!body)
		return gv_fault(t, "no memory for the webhook's body");
	headers[fetch.n_headers++] = header(t, "Content-Type", "application/json");
	if (*c->password)
		headers[fetch.n_headers++] = header(t, "Authorization", authorization(t, c));
	fetch.headers = headers;
	fetch.url = c->url;
	fetch.body.data = (uint8_t *)body;
	fetch.body.len = strlen(body);
	fetch.idempotency_key = gv_str(t, "%016llx%016llx", (unsigned long long)gv_random(t),
				       (unsigned long long)gv_random(t));
	error = gv_call(t, &(struct gv_call){ .method = "galvan.link.v1.Http/Fetch",
					      .request = &fetch,
					      .note = note,
					      .timeout_ms = timeout_ms });
	cJSON_free(body);
	return error;
}

int people_deliver(struct billing *b, struct gv_turn *t, const char *contact, const char *code, const char *customer,
		   uint32_t minutes)
{
	const char *text = gv_str(t,
				  "%s is your code for signing in. It is valid for %u minutes. If you have not asked "
				  "for it, ignore this message.",
				  code, minutes);
	Billing__CodeSent note = BILLING__CODE_SENT__INIT;
	int64_t timeout_ms = (int64_t)minutes * 60000;
	int error;

	if (adapter_is(b, "console")) {
		gv_log(t, GV_INFO, "code for signing in contact=%s code=%s", contact, code);
		return 0;
	}
	note.customer = (char *)customer;
	note.adapter = b->config->sign_in->adapter;
	error = adapter_is(b, "smtp") ? by_mail(b, t, contact, text, &note, timeout_ms)
				      : by_webhook(b, t, contact, code, text, &note, timeout_ms);
	if (error == -ENOSPC) /* the person can ask again */
		return gv_fail(t, GV_RESOURCE_EXHAUSTED, "too many codes wait to be sent: try again in a minute");
	return error;
}

int people_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *answer)
{
	const Billing__CodeSent *note = answer->note;
	const Link__FetchReply *reply = answer->reply;
	const char *why = answer->error;

	if (answer->code == GV_OK && !strcmp(note->adapter, "webhook") && reply->status / 100 != 2)
		why = gv_str(t, "the web server answered %u", reply->status);
	if (!*why)
		return 0;
	gv_count(t, "codes_not_sent", 1);
	gv_log(t, GV_WARN,
	       "a code for signing in was not sent; its person can ask for another customer=%s adapter=%s "
	       "why=\"%s\"",
	       note->customer, note->adapter, why);
	return 0;
}
