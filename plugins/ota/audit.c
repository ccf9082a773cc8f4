/* The chain of what was done: each line holds the hash of the one before, so that none can be taken out or changed
 * unseen. */
#include "ota.h"

#include <lib/hex.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHAT_MAX 400

const struct gv_table ota_audit = {
	.name = "audit", .key = "u", .value = &ota__audit_line__descriptor, .append = true
};

/* Of the line's fields, each with its length before it, so that no two lines have one text. */
static char *hash_of(struct gv_turn *t, const Ota__AuditLine *line)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char *hex = gv_alloc(t, 2 * sizeof digest + 1);
	char *text = gv_str(t, "%llu %lld %zu:%s %zu:%s %zu:%s %s", (unsigned long long)line->number,
			    (long long)line->at_ms, strlen(line->by), line->by, strlen(line->about), line->about,
			    strlen(line->what), line->what, line->before);

	SHA256((const uint8_t *)text, strlen(text), digest);
	gv_hex_write(digest, sizeof digest, hex);
	return hex;
}

void audit(struct gv_turn *t, const char *by, const char *about, const char *fmt, ...)
{
	Ota__AuditLine line = OTA__AUDIT_LINE__INIT;
	struct gv_scan last = { .table = &ota_audit, .reverse = true };
	char what[WHAT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	line.number = 1;
	line.before = (char *)"";
	if (gv_next(t, &last)) {
		line.number = ((const Ota__AuditLine *)last.row)->number + 1;
		line.before = hash_of(t, last.row);
	}
	line.at_ms = gv_now_ms(t);
	line.by = (char *)by;
	line.about = (char *)about;
	line.what = what;
	gv_put(t, &ota_audit, gv_key(line.number), &line);
	gv_log(t, GV_INFO, "%s about=%s by=%s", what, about, by);
}

int audit_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__ListAuditRequest *r = (const Ota__ListAuditRequest *)m;
	Ota__ListAuditReply reply = OTA__LIST_AUDIT_REPLY__INIT;
	struct gv_scan scan = { .table = &ota_audit, .reverse = true };
	size_t limit = ota_limit(r->limit), looked = 0;

	if (*r->page && gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page is none that ListAudit gave");
	while (reply.n_lines < limit && looked < OTA_LOOKED_MAX && gv_next(t, &scan)) {
		const Ota__AuditLine *line = scan.row;

		looked++;
		if (!*r->about || !strcmp(line->about, r->about))
			*GV_APPEND(t, reply.lines, reply.n_lines) = (Ota__AuditLine *)line;
	}
	if (reply.n_lines == limit || looked == OTA_LOOKED_MAX)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}
