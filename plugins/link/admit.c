/* May this device come in the way it came? Its security profile (OCPP 2.0.1 A00; the 1.6 security extension has the
 * same ones) is the least that it must come with: 1 a password, 2 a password over TLS, 3 a client certificate. One that
 * came with more has to from then on (A05.FR.09). A certificate was verified when TLS was spoken; here it must be this
 * device's. */
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "link.h"

struct visitor {
	struct conn *conn;
	struct device *device;
	const char *prefix; /* of the listener's devices: "ocpp:" */
	const struct head *head;
	bool has_certificate;
	struct certificate certificate;
	struct admission *ret;
};

static bool refuse(struct visitor *v, unsigned status, enum reason reason, const char *why)
{
	v->ret->status = status;
	v->ret->reason = reason;
	v->ret->why = why;
	return false;
}

static void read_certificate(struct visitor *v)
{
	SSL *ssl = v->conn->tls ? lws_get_ssl(v->conn->wsi) : NULL;
	X509 *x = ssl && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE ? SSL_get0_peer_certificate(ssl) : NULL;

	v->has_certificate = x != NULL;
	if (x)
		certificate_read(x, &v->certificate);
}

/* Its common name is what the registry says, or else the identity, in the letter case that it may have there. */
static bool is_of(const struct device *d, const char *prefix, const char *common_name)
{
	size_t size = strlen(prefix);

	if (d->certificate_cn)
		return strcmp(d->certificate_cn, common_name) == 0;
	for (size_t i = 0; i < d->n_names; i++) {
		if (strncasecmp(d->names[i], prefix, size) == 0 && strcasecmp(d->names[i] + size, common_name) == 0)
			return true;
	}
	return false;
}

static bool certificate_fits(struct visitor *v)
{
	const char *wanted = v->conn->link->operator_name;

	if (revoked_has(v->conn->link, v->certificate.serial))
		return refuse(v, 403, REASON_REVOKED, "the certificate has been revoked");
	if (!v->certificate.common_name[0] || !is_of(v->device, v->prefix, v->certificate.common_name))
		return refuse(
			v, 403, REASON_WRONG_IDENTITY,
			"the certificate's common name is not this device's: its identity, or what the registry's "
			"attribute certificateCn says");
	if (wanted && strcmp(wanted, v->certificate.operator_name) != 0)
		return refuse(v, 403, REASON_WRONG_OPERATOR,
			      "the certificate's organisation is not the operator's name in link's config");
	return true;
}

/* Is the user name the identity that the path names, or another name of the same device? */
static bool username_fits(const struct visitor *v, const struct basic *basic)
{
	char id[VIEW_ID_MAX + 1];

	if (strlen(basic->username) != basic->username_size)
		return false;
	snprintf(id, sizeof(id), "%s%s", v->prefix, basic->username);
	return view_find(&v->conn->link->view, id) == v->device;
}

/* It knows its new password: the one before is void, here at once and in the registry soon. */
static void pending_used(struct link *l, struct device *d)
{
	Link__PendingPasswordUsed e = LINK__PENDING_PASSWORD_USED__INIT;

	e.device = d->id;
	e.salt.data = d->pending.salt;
	e.salt.len = d->pending.salt_size;
	notice_add(l, &e.base);
	password_promote(d);
}

static bool password_fits(struct visitor *v)
{
	const struct slice *authorization = head_get(v->head, "authorization");
	struct link *l = v->conn->link;
	enum password verdict = PASSWORD_WRONG;
	struct basic basic;

	if (!authorization)
		return refuse(v, 401, REASON_NO_PASSWORD, "this device has a password and showed none");
	if (basic_parse(*authorization, &basic) == 0 && username_fits(v, &basic))
		verdict = password_check(&l->view, v->device, basic.password, basic.password_size, link_now(l));
	OPENSSL_cleanse(&basic, sizeof(basic));
	if (verdict == PASSWORD_BUSY)
		return refuse(v, 429, REASON_TOO_MANY_PASSWORDS,
			      "too many wrong passwords for this device; once a second is checked");
	if (verdict == PASSWORD_WRONG)
		return refuse(v, 401, REASON_WRONG_PASSWORD,
			      "wrong user name or password; the user name is the identity");
	if (v->device->other_form)
		gv_world_count(l->world, "quirk_password_form", 1); /* quirk 45 */
	if (verdict == PASSWORD_PENDING)
		pending_used(l, v->device);
	return true;
}

/* It has no password yet and shows the one that is to be its first. */
static bool shows_pending(struct visitor *v)
{
	struct admission ignored = { 0 }, *ret = v->ret;

	v->ret = &ignored;
	password_fits(v);
	v->ret = ret;
	return v->device->now.hash_size != 0;
}

/* Is this suite in the list, by OpenSSL's name or by the standard's? */
static bool is_listed(const char *list, const SSL_CIPHER *suite)
{
	const char *names[] = { SSL_CIPHER_get_name(suite), SSL_CIPHER_standard_name(suite) };

	for (size_t size; *list; list += size + (list[size] == ':')) {
		size = strcspn(list, ":");
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (names[i] && strlen(names[i]) == size && strncasecmp(names[i], list, size) == 0)
				return true;
	}
	return false;
}

static bool suite_fits(struct visitor *v, const SSL *ssl)
{
	const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);

	if (!v->device->tls_ciphers || (suite && is_listed(v->device->tls_ciphers, suite)))
		return true;
	snprintf(v->ret->text, sizeof(v->ret->text), "the device's attribute tlsCiphers has not the suite %s",
		 suite ? SSL_CIPHER_get_name(suite) : "that was agreed on");
	return refuse(v, 403, REASON_TLS_CIPHER, v->ret->text);
}

static bool tls_fits(struct visitor *v)
{
	SSL *ssl = v->conn->tls ? lws_get_ssl(v->conn->wsi) : NULL;

	if (!v->device->tls_min && !v->device->tls_ciphers)
		return true;
	if (!ssl)
		return refuse(v, 403, REASON_PLAIN_TEXT,
			      v->device->tls_min ? "the device's attribute tlsMin wants TLS"
						 : "the device's attribute tlsCiphers wants TLS");
	if (SSL_version(ssl) < (int)v->device->tls_min)
		return refuse(v, 403, REASON_TLS_VERSION, "the device's attribute tlsMin wants a later version of TLS");
	return suite_fits(v, ssl);
}

/* The profile that it came in with, in *ret; false where it may not come in. */
static bool settle_profile(struct visitor *v, unsigned *ret)
{
	const struct device *d = v->device;
	unsigned least = d->security_profile;
	bool shows_password = head_get(v->head, "authorization") != NULL;

	if (least >= 2 && !v->conn->tls)
		return refuse(v, 403, REASON_PLAIN_TEXT, "the device's security profile wants TLS");
	if (!tls_fits(v))
		return false;
	if (v->has_certificate && !certificate_fits(v))
		return false;
	if (least == 3 && !v->has_certificate)
		return refuse(v, 403, REASON_NO_CERTIFICATE,
			      "the device's security profile wants a client certificate");
	*ret = 3;
	if (v->has_certificate && (least == 3 || least == 0 || !shows_password))
		return true;
	*ret = v->conn->tls ? 2 : 1;
	if (d->now.hash_size)
		return password_fits(v);
	if (v->device->pending.hash_size && shows_password && shows_pending(v))
		return true;
	*ret = 0;
	return least == 0 || refuse(v, 403, REASON_NO_PASSWORD,
				    "the device's security profile wants a password and the registry has none");
}

static void raise_profile(struct link *l, struct device *d, unsigned profile)
{
	Link__ProfileRaised e = LINK__PROFILE_RAISED__INIT;

	d->security_profile = profile;
	e.device = d->id;
	e.security_profile = profile;
	notice_add(l, &e.base);
}

bool admit(struct conn *c, struct device *d, const char *prefix, const struct head *h, struct admission *ret)
{
	struct visitor v = { .conn = c, .device = d, .prefix = prefix, .head = h, .ret = ret };
	unsigned profile;

	read_certificate(&v);
	ret->subject[0] = ret->serial[0] = '\0';
	if (v.has_certificate) {
		memcpy(ret->subject, v.certificate.subject, sizeof(ret->subject));
		memcpy(ret->serial, v.certificate.serial, sizeof(ret->serial));
	}
	if (!settle_profile(&v, &profile))
		return false;
	if (d->security_profile && profile > d->security_profile)
		raise_profile(c->link, d, profile);
	return true;
}
