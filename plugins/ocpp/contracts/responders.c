/* OCSP responders: chargers name them, the config says which may be asked, and what they say is kept until it is to be
 * said anew. */
#include "contracts.h"

#include <galvan/link.pb-c.h>

#include <errno.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FETCH "galvan.link.v1.Http/Fetch"
#define MARGIN_MS 500
#define RESPONSE_MAX 4096   /* bytes: 5500 characters of base64 are what OCPP takes */
#define KEPT_MAX 2000       /* responses */
#define KEPT_LEAST_MS 60000 /* where a responder does not say when it will know more */
#define KEPT_MOST_MS (7 * 86400000LL)

const struct gv_table ocpp_ocsp = { .name = "ocsp", .key = "s", .value = &ocpp__ocsp_row__descriptor };
const struct gv_table ocpp_ocsp_ends = { .name = "ocsp_ends", .key = "us", .value = &ocpp__ocsp_end__descriptor };

/* ---- the config ------------------------------------------------------------------------------ */

static int add_root(X509_STORE *roots, const char *pem)
{
	STACK_OF(X509) *list = chain_read(pem);
	int error = list ? 0 : -EINVAL;

	for (int i = 0; !error && i < sk_X509_num(list); i++)
		if (!X509_STORE_add_cert(roots, sk_X509_value(list, i)))
			error = -EINVAL;
	sk_X509_pop_free(list, X509_free);
	return error;
}

static int take_roots(struct gv_turn *t, const Ocpp__Contracts *config, struct contracts *c)
{
	if (!config->n_roots)
		return 0;
	c->roots = X509_STORE_new();
	if (!c->roots)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_roots; i++)
		if (add_root(c->roots, config->roots[i]))
			return gv_fault(t,
					"contracts.roots[%zu] is no certificate in PEM: it begins with -----BEGIN "
					"CERTIFICATE-----, and keeps its lines",
					i);
	return 0;
}

int contracts_create(struct gv_turn *t, const Ocpp__Contracts *config, struct contracts **ret)
{
	struct contracts *c;

	*ret = NULL;
	if (!config)
		return 0;
	c = *ret = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->private_addresses = config->ocsp_private_addresses;
	c->timeout_ms = (int64_t)config->ocsp_timeout_s * 1000;
	c->hosts = calloc(config->n_ocsp_hosts + 1, sizeof *c->hosts);
	for (; c->hosts && c->n_hosts < config->n_ocsp_hosts; c->n_hosts++) {
		c->hosts[c->n_hosts] = strdup(config->ocsp_hosts[c->n_hosts]);
		if (!c->hosts[c->n_hosts])
			return -ENOMEM;
	}
	if (!c->hosts || !server_take(&c->pool, config->pool_url, config->pool_authorization, config->pool_timeout_s) ||
	    !server_take(&c->v2g, config->v2g_ca_url, config->v2g_ca_authorization, config->v2g_ca_timeout_s))
		return -ENOMEM;
	return take_roots(t, config, c);
}

void contracts_destroy(struct contracts *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_hosts; i++)
		free(c->hosts[i]);
	free(c->hosts);
	server_drop(&c->pool);
	server_drop(&c->v2g);
	X509_STORE_free(c->roots);
	free(c);
}

/* ---- which may be asked ---------------------------------------------------------------------- */

struct place {
	const char *host, *port; /* port: the digits; size 0: the scheme's own */
	size_t host_size, port_size;
};

/* HOST[:PORT], up to `size`. False: it is none, or says who asks. */
static bool read_place(const char *text, size_t size, struct place *ret)
{
	const char *bracket = size && text[0] == '[' ? memchr(text, ']', size) : NULL;
	const char *colon = bracket ? (size_t)(bracket + 1 - text) < size ? bracket + 1 : NULL
				    : memchr(text, ':', size);

	if (memchr(text, '@', size) || (size && text[0] == '[' && !bracket) || (colon && *colon != ':'))
		return false;
	ret->host = text;
	ret->host_size = colon ? (size_t)(colon - text) : size;
	ret->port = colon ? colon + 1 : text + size;
	ret->port_size = colon ? size - ret->host_size - 1 : 0;
	return ret->host_size && strspn(ret->port, "0123456789") >= ret->port_size && (!colon || ret->port_size);
}

static bool same(const char *a, size_t a_size, const char *b, size_t b_size)
{
	return a_size == b_size && !strncasecmp(a, b, a_size);
}

static bool matches(const char *pattern, const struct place *p, const char *own_port)
{
	struct place want;
	bool own;

	if (!read_place(pattern, strlen(pattern), &want))
		return false;
	own = !p->port_size || same(p->port, p->port_size, own_port, strlen(own_port));
	if (want.port_size ? !same(want.port, want.port_size, p->port_size ? p->port : own_port,
				   p->port_size ? p->port_size : strlen(own_port))
			   : !own)
		return false;
	if (want.host_size > 2 && want.host[0] == '*' && want.host[1] == '.')
		return p->host_size > want.host_size - 1 && same(p->host + p->host_size - (want.host_size - 1),
								 want.host_size - 1, want.host + 1, want.host_size - 1);
	return same(want.host, want.host_size, p->host, p->host_size);
}

bool responder_allowed(const struct contracts *c, const char *url)
{
	bool tls = !strncasecmp(url, "https://", 8), plain = !strncasecmp(url, "http://", 7);
	const char *at = url + (tls ? 8 : 7);
	struct place p;

	if ((!tls && !plain) || !read_place(at, strcspn(at, "/?#"), &p))
		return false;
	for (size_t i = 0; i < c->n_hosts; i++)
		if (matches(c->hosts[i], &p, tls ? "443" : "80"))
			return true;
	return false;
}

/* ---- what they have said --------------------------------------------------------------------- */

static const char *key_of(struct gv_turn *t, const Ocpp__OcspId *id)
{
	return gv_str(t, "%s %s %s %s", id->algorithm, id->name_hash, id->key_hash, id->serial);
}

const Ocpp__OcspRow *responder_said(struct gv_turn *t, const Ocpp__OcspId *id)
{
	const Ocpp__OcspRow *row = gv_get(t, &ocpp_ocsp, gv_key(key_of(t, id)));

	return row && row->until_ms > gv_now_ms(t) ? row : NULL;
}

/* Away with what is over, and with what is over next where there are too many. */
static void make_room(struct gv_turn *t)
{
	struct gv_scan count = { .table = &ocpp_ocsp_ends }, scan = count;
	size_t n = 0;

	while (gv_next(t, &count))
		n++;
	while (gv_next(t, &scan) && (n >= KEPT_MAX || scan.key.part[0].u <= (uint64_t)gv_now_ms(t))) {
		gv_delete(t, &ocpp_ocsp, gv_key(scan.key.part[1].s));
		gv_delete(t, &ocpp_ocsp_ends, scan.key);
		n--;
	}
}

int responder_keep(struct gv_turn *t, const Ocpp__OcspId *id, const ProtobufCBinaryData *response, int64_t until_ms)
{
	const char *key = key_of(t, id);
	const Ocpp__OcspRow *before = gv_get(t, &ocpp_ocsp, gv_key(key));
	int64_t now_ms = gv_now_ms(t);
	Ocpp__OcspRow row = OCPP__OCSP_ROW__INIT;
	Ocpp__OcspEnd end = OCPP__OCSP_END__INIT;

	if (before)
		gv_delete(t, &ocpp_ocsp_ends, gv_key((uint64_t)before->until_ms, key));
	make_room(t);
	row.response = *response;
	row.until_ms = until_ms < now_ms + KEPT_LEAST_MS  ? now_ms + KEPT_LEAST_MS
		       : until_ms > now_ms + KEPT_MOST_MS ? now_ms + KEPT_MOST_MS
							  : until_ms;
	gv_put(t, &ocpp_ocsp_ends, gv_key((uint64_t)row.until_ms, key), &end);
	return gv_put(t, &ocpp_ocsp, gv_key(key), &row);
}

const char *responder_ask(struct ocpp *o, struct gv_turn *t, const Ocpp__OcspId *id, const Ocpp__OcspAsked *note)
{
	Link__HttpHeader type = LINK__HTTP_HEADER__INIT, *headers[] = { &type };
	Link__FetchRequest request = LINK__FETCH_REQUEST__INIT;

	if (!o->contracts || !o->contracts->n_hosts)
		return "NoOcspResponder";
	if (!ocsp_valid(id))
		return "InvalidRequestData";
	if (!responder_allowed(o->contracts, id->url)) {
		gv_log(t, GV_WARN,
		       "an OCSP responder is not asked, as contracts.ocsp_hosts does not name it device=%s url=%.200s",
		       note->device, id->url);
		return "NotAllowed";
	}
	if (ocsp_request(t, id, &request.body))
		return "InvalidRequestData";
	type.name = "content-type";
	type.value = "application/ocsp-request";
	request.method = "POST";
	request.url = id->url;
	request.headers = headers;
	request.n_headers = 1;
	request.timeout_ms = (uint32_t)o->contracts->timeout_ms;
	request.max_reply_bytes = RESPONSE_MAX;
	request.forbid_private = !o->contracts->private_addresses;
	return gv_call(t, &(struct gv_call){ .method = FETCH,
					     .request = &request,
					     .timeout_ms = o->contracts->timeout_ms + MARGIN_MS,
					     .note = note })
		       ? "TooBusy"
		       : NULL;
}
