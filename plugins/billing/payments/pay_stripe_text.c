/* What Stripe's API looks like on the wire: forms, amounts, and the signatures of its events. Pure. */
#include "pay_stripe.h"

#include <plugins/billing/pricing/money.h>

#include <lib/hex.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- forms ----------------------------------------------------------------------------------- */

static int percent(struct gv_buf *out, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	int r = 0;

	for (; *s && r == 0; s++)
		r = strchr(plain, *s) ? gv_buf_putc(out, *s) : gv_buf_printf(out, "%%%02X", (unsigned char)*s);
	return r;
}

int stripe_form(struct gv_buf *form, const char *name, const char *value)
{
	if (form->size)
		gv_buf_putc(form, '&');
	percent(form, name);
	gv_buf_putc(form, '=');
	return percent(form, value);
}

int stripe_form_number(struct gv_buf *form, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	return stripe_form(form, name, text);
}

int stripe_path(struct gv_buf *path, const char *segment)
{
	return percent(path, segment);
}

/* ---- amounts --------------------------------------------------------------------------------- */

/* Stripe counts like ISO 4217 but for these. Its page on currencies lists UGX as one without decimals and as one with
 * two, and MGA, which has two in ISO 4217, as one without: a guess would be wrong by a factor of a hundred. */
static int scale(const char *currency, int64_t *ret_times, int64_t *ret_multiple)
{
	static const char whole[] = "BIF CLP DJF GNF JPY KMF KRW PYG RWF VND VUV XAF XOF XPF";
	static const char thousandths[] = "BHD JOD KWD OMR TND";
	int exponent = billing_currency_exponent(currency);

	*ret_times = *ret_multiple = 1;
	if (strcmp(currency, "ISK") == 0) {
		*ret_times = 100;
		return 0;
	}
	if (exponent == 2 && strcmp(currency, "MGA") != 0)
		return 0;
	if (exponent == 0 && strstr(whole, currency))
		return 0;
	if (exponent == 3 && strstr(thousandths, currency)) {
		*ret_multiple = 10;
		return 0;
	}
	return -ENOTSUP;
}

int stripe_amount(const char *currency, int64_t minor, int64_t *ret)
{
	int64_t times, multiple;

	if (scale(currency, &times, &multiple) < 0)
		return -ENOTSUP;
	*ret = (minor - minor % multiple) * times;
	return minor % multiple ? -EDOM : 0;
}

int stripe_amount_back(const char *currency, int64_t amount, int64_t *ret)
{
	int64_t times, multiple;

	if (scale(currency, &times, &multiple) < 0)
		return -ENOTSUP;
	if (amount % times)
		return -EDOM;
	*ret = amount / times;
	return 0;
}

/* ---- signatures ------------------------------------------------------------------------------ */

struct signature {
	const char *time; /* its digits */
	size_t time_size;
	int64_t time_s;
	size_t n;
	uint8_t v1[STRIPE_SIGNATURES_MAX][32];
};

static bool read_time(const char *s, size_t size, struct signature *ret)
{
	if (size == 0 || size > 12 || ret->time)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		ret->time_s = ret->time_s * 10 + (s[i] - '0');
	}
	ret->time = s;
	ret->time_size = size;
	return true;
}

/* "t=1492774577,v1=5257...,v1=...,v0=..." */
static bool read_header(const char *header, struct signature *ret)
{
	const char *s = header, *end;

	for (; *s; s = *end ? end + 1 : end) {
		while (*s == ' ')
			s++;
		end = s + strcspn(s, ",");
		if (strncmp(s, "t=", 2) == 0 && !read_time(s + 2, (size_t)(end - s - 2), ret))
			return false;
		if (strncmp(s, "v1=", 3) == 0 && ret->n < STRIPE_SIGNATURES_MAX &&
		    gv_hex_read(s + 3, (size_t)(end - s - 3), ret->v1[ret->n], sizeof(ret->v1[0])) == 0)
			ret->n++;
	}
	return ret->time && ret->n;
}

static bool sign(const struct signature *s, const char *secret, const void *body, size_t size, uint8_t ret[static 32])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	OSSL_PARAM digest[] = { OSSL_PARAM_construct_utf8_string("digest", (char *)"SHA256", 0),
				OSSL_PARAM_construct_end() };
	size_t n = 0;
	bool ok = ctx && EVP_MAC_init(ctx, (const uint8_t *)secret, strlen(secret), digest) &&
		  EVP_MAC_update(ctx, (const uint8_t *)s->time, s->time_size) &&
		  EVP_MAC_update(ctx, (const uint8_t *)".", 1) && EVP_MAC_update(ctx, body, size) &&
		  EVP_MAC_final(ctx, ret, &n, 32) && n == 32;

	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

const char *stripe_signature_problem(const char *header, const char *secret, int64_t now_s, const void *body,
				     size_t size)
{
	struct signature s = { 0 };
	uint8_t expected[32];
	bool good = false;

	if (!secret[0])
		return "there is no secret to check it with";
	if (!read_header(header, &s))
		return "the header Stripe-Signature has no time stamp or no signature of version 1";
	if (s.time_s < now_s - STRIPE_TOLERANCE_S || s.time_s > now_s + STRIPE_TOLERANCE_S)
		return "the time stamp is too far from now";
	if (!sign(&s, secret, body, size, expected))
		return "it cannot be checked";
	for (size_t i = 0; i < s.n; i++)
		good |= CRYPTO_memcmp(s.v1[i], expected, sizeof(expected)) == 0;
	return good ? NULL : "no signature is that of the secret";
}
