/* Why somebody is kept out, in words that people and other plugins can count on (docs/protocols/ocpp-security.md). */
#include "reasons.h"

static const struct {
	const char *word, *counter; /* the counter's name must be a literal */
} reasons[REASONS] = {
	[REASON_EXPIRED] = { "expired", "refused_expired" },
	[REASON_NOT_YET_VALID] = { "not-yet-valid", "refused_not_yet_valid" },
	[REASON_WRONG_CA] = { "wrong-ca", "refused_wrong_ca" },
	[REASON_REVOKED] = { "revoked", "refused_revoked" },
	[REASON_BAD_CERTIFICATE] = { "bad-certificate", "refused_bad_certificate" },
	[REASON_WRONG_IDENTITY] = { "wrong-identity", "refused_wrong_identity" },
	[REASON_WRONG_OPERATOR] = { "wrong-operator", "refused_wrong_operator" },
	[REASON_NO_CERTIFICATE] = { "no-certificate", "refused_no_certificate" },
	[REASON_PLAIN_TEXT] = { "plain-text", "refused_plain_text" },
	[REASON_NO_PASSWORD] = { "no-password", "refused_no_password" },
	[REASON_WRONG_PASSWORD] = { "wrong-password", "refused_wrong_password" },
	[REASON_TOO_MANY_PASSWORDS] = { "too-many-passwords", "refused_too_many_passwords" },
	[REASON_TLS_VERSION] = { "tls-version", "refused_tls_version" },
	[REASON_TLS_CIPHER] = { "tls-cipher", "refused_tls_cipher" },
	[REASON_NOT_TRUSTED] = { "not-trusted", "refused_not_trusted" },
	[REASON_TLS] = { "tls", "refused_tls" },
};

const char *reason_word(enum reason reason)
{
	return reasons[reason].word;
}

const char *reason_counter(enum reason reason)
{
	return reasons[reason].counter;
}
