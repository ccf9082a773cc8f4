/* What a stranger sends to an HTTP or WebSocket port: a request's head and all that is read out of it, then a body in
 * chunks. What is taken lies within what came, and taking it again from the same bytes gives the same. */
#include "fuzz.h"

#include <lib/utf8.h>
#include <plugins/link/head.h>

#include <string.h>

static void check_slice(struct slice s, const char *data, size_t size)
{
	FUZZ_ASSERT(s.data >= data && s.data + s.size <= data + size);
}

static void check_target(const struct head *h, const char *data, size_t size)
{
	char identity[IDENTITY_MAX + 1], path[HEAD_MAX];
	struct slice raw, query;
	int n;

	if (target_split(h->target, &raw, &query) < 0)
		return;
	FUZZ_ASSERT(raw.size > 0);
	if (raw.size > 1)
		check_slice(raw, data, size);
	check_slice(query, data, size);
	if (path_identity(raw, identity) == 0) {
		FUZZ_ASSERT(identity[0] && strlen(identity) <= IDENTITY_MAX && !strchr(identity, '/'));
		FUZZ_ASSERT(gv_utf8_valid(identity, strlen(identity)));
	}
	n = percent_decode(raw, path, sizeof(path));
	FUZZ_ASSERT(n < 0 || strlen(path) == (size_t)n);
}

static void check_fields(const struct head *h, const char *data, size_t size)
{
	static const char *const ours[] = { "ocpp1.6", "ocpp2.0.1" };
	struct basic basic;
	size_t i = 2;

	for (size_t k = 0; k < h->n_fields; k++) {
		check_slice(h->fields[k].name, data, size);
		check_slice(h->fields[k].value, data, size);
		FUZZ_ASSERT(h->fields[k].name.size > 0);
		if (basic_parse(h->fields[k].value, &basic) == 0)
			FUZZ_ASSERT(basic.username_size <= IDENTITY_MAX && basic.password_size <= PASSWORD_MAX);
	}
	if (head_subprotocol(h, ours, 2, &i) == SUBPROTOCOL_FOUND)
		FUZZ_ASSERT(i < 2);
}

static void check_chunks(const char *data, size_t size)
{
	struct chunks c = { 0 };

	while (size && c.state != CHUNK_DONE) {
		struct slice part;
		int64_t n = chunks_read(&c, slice(data, size), &part);

		if (n < 0)
			return;
		FUZZ_ASSERT(n > 0 && (size_t)n <= size);
		if (part.size)
			check_slice(part, data, size);
		data += n;
		size -= (size_t)n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	struct head h, again;
	const char *why = NULL;
	int n;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	n = head_parse(text, size, &h, &why);
	FUZZ_ASSERT(n >= 0 || why);
	if (n > 0) {
		FUZZ_ASSERT((size_t)n <= size && n <= HEAD_MAX);
		check_target(&h, text, (size_t)n);
		check_fields(&h, text, (size_t)n);
		FUZZ_ASSERT(head_parse(text, size, &again, &why) == n && again.n_fields == h.n_fields);
		check_chunks(text + n, size - (size_t)n);
	}
	free(text);
	return 0;
}
