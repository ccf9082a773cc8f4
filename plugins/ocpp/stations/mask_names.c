/* Which names are those of secrets. Vendors invent keys: a name is read word by word, "WifiPSK" and "wifi_psk" alike,
 * so that "pin" is found in "SimPin" and not in "Shipping". */
#include "mask.h"

#include <plugins/ocpp/edge/edge.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_SIZE 64u /* of a key; the longest of OCPP's have 50 characters */

struct word {
	const char *text;
	size_t size;
};

/* A capital begins a word, unless it stands between capitals: "PINCode" is "PIN" and "Code". */
static bool begins(const char *p)
{
	return isupper((unsigned char)*p) && (!isupper((unsigned char)p[-1]) || islower((unsigned char)p[1]));
}

/* The next word from *at on, which moves behind it; size 0: there is none. */
static struct word next_word(const char **at)
{
	const char *p = *at, *from;

	while (*p && !isalnum((unsigned char)*p))
		p++;
	for (from = p; isalnum((unsigned char)*p) && (p == from || !begins(p)); p++)
		;
	*at = p;
	return (struct word){ from, (size_t)(p - from) };
}

static bool is(const struct word *w, const char *word)
{
	return w->size == strlen(word) && !strncasecmp(w->text, word, w->size);
}

static bool ends_with(const char *text, size_t size, const char *end)
{
	size_t n = strlen(end);

	return size >= n && !strncasecmp(text + size - n, end, n);
}

/* "pin" and "psk" wherever they stand; "token" as the last word, as those of counters are not, and not one that stands
 * for a person ("idToken"). */
static bool has_secret_word(const char *name)
{
	struct word before = { name, 0 }, last = { name, 0 };

	for (struct word w = next_word(&name); w.size; w = next_word(&name)) {
		if (is(&w, "pin") || ends_with(w.text, w.size, "psk"))
			return true;
		before = last;
		last = w;
	}
	return is(&last, "token") && !is(&before, "id");
}

/* Keys of which the name says what they open; "AuthorizeRemoteTxRequests" and "WifiKeyManagement" are none. */
static bool is_secret_key(const char *name)
{
	static const char *const ends[] = { "apikey", "wifikey", "presharedkey", "privatekey" };
	char letters[NAME_MAX_SIZE];
	size_t size = 0;

	for (; *name && size < sizeof letters; name++)
		if (isalnum((unsigned char)*name))
			letters[size++] = *name;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (ends_with(letters, size, ends[i]))
			return true;
	return false;
}

bool mask_is_secret(const char *name)
{
	return !strcasecmp(name, "AuthorizationKey") || strcasestr(name, "password") || strcasestr(name, "secret") ||
	       strcasestr(name, "passphrase") || !strcasecmp(name, "simPin") || has_secret_word(name) ||
	       is_secret_key(name);
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

bool mask_suspect(const char *text)
{
	char name[NAME_MAX_SIZE];

	if (strcasestr(text, "AuthorizationKey") || strcasestr(text, "password") || strcasestr(text, "secret") ||
	    strcasestr(text, "passphrase") || edge_is_personal(text))
		return true;
	while (*text) {
		size_t size = 0;

		while (in_name(text[size]))
			size++;
		if (size && size < sizeof name) {
			memcpy(name, text, size);
			name[size] = '\0';
			if (mask_is_secret(name))
				return true;
		}
		text += size ? size : 1;
	}
	return false;
}
