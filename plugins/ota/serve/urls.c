/* Signed addresses: an HMAC over what is meant and until when, by a key in the store. Nothing is written for them, nor
 * when they are used. */
#include "../repository/repository.h"
#include "serve.h"

#include <lib/hex.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define MARK_SIZE 16 /* bytes of the HMAC that are shown */
#define NAME_MAX_SHOWN 100

static char *mark_of(struct gv_turn *t, const char *text, size_t size)
{
	uint8_t full[EVP_MAX_MD_SIZE];
	char *hex = gv_alloc(t, 2 * size + 1);
	unsigned n = 0;

	HMAC(EVP_sha256(), secret_get(t, "urls"), SECRET_SIZE, (const uint8_t *)text, strlen(text), full, &n);
	gv_hex_write(full, size, hex);
	return hex;
}

static char *address(const struct ota *o, struct gv_turn *t, const char *what, const char *path, int64_t until_ms,
		     const char *name)
{
	char *expiry = gv_str(t, "%llx", (unsigned long long)(until_ms / 1000));

	return gv_str(t, "%s%s%s/%s/%s/%.*s", o->url, SERVE_PATH, path, expiry,
		      mark_of(t, gv_str(t, "%s %s", what, expiry), MARK_SIZE), NAME_MAX_SHOWN, name);
}

bool serve_url_good(struct gv_turn *t, const char *what, const char *expiry, const char *mark)
{
	const char *expected = mark_of(t, gv_str(t, "%s %s", what, expiry), MARK_SIZE);

	return strlen(mark) == 2 * MARK_SIZE && !CRYPTO_memcmp(mark, expected, 2 * MARK_SIZE) &&
	       (int64_t)strtoull(expiry, NULL, 16) > gv_now_ms(t) / 1000;
}

char *serve_url(const struct ota *o, struct gv_turn *t, uint64_t number, const Ota__Artifact *a)
{
	const char *name = strrchr(a->id, '/') ? strrchr(a->id, '/') + 1 : a->id;

	return address(o, t, gv_str(t, "file %llu", (unsigned long long)number),
		       gv_str(t, "files/%llu", (unsigned long long)number), gv_now_ms(t) + o->url_ms, name);
}

char *serve_upload_url(const struct ota *o, struct gv_turn *t, const char *name, int64_t *ret_expires_ms)
{
	char *kept = gv_strdup(t, *name ? name : "file");

	for (char *c = kept; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *c))
			*c = '-';
	*ret_expires_ms = gv_now_ms(t) + o->url_ms;
	return address(o, t, "upload", "upload", *ret_expires_ms, kept);
}

char *serve_token(struct gv_turn *t, const char *device)
{
	return mark_of(t, gv_str(t, "agent %s", device), 32);
}

/* ---- methods --------------------------------------------------------------------------------- */

int upload_open(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__OpenUploadRequest *r = (const Ota__OpenUploadRequest *)m;
	const struct ota *o = self;
	Ota__OpenUploadReply reply = OTA__OPEN_UPLOAD_REPLY__INIT;

	if (!*o->url)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "there is no address at which this node is reached: give ota's config a url");
	reply.url = serve_upload_url(o, t, r->name, &reply.expires_at_ms);
	return gv_reply(t, to, &reply);
}

int agent_token(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Ota__GetAgentTokenReply reply = OTA__GET_AGENT_TOKEN_REPLY__INIT;

	reply.token = serve_token(t, ((const Ota__GetAgentTokenRequest *)m)->device);
	return gv_reply(t, to, &reply);
}
