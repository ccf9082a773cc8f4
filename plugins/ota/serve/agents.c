/* What agents of devices ask for and report (docs/protocols/ota.md): their assignments, signed when they are asked for,
 * and how far they are. */
#include "../campaigns/campaigns.h"
#include "../core/artifact.h"
#include "../repository/repository.h"
#include "serve.h"

#include <lib/base64.h>
#include <lib/hex.h>
#include <lib/json_tree.h>

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define ASSIGNMENT_MS OTA_DAY_MS /* that an assignment is good for */
#define REPORT_MAX 16384

/* ---- who asks -------------------------------------------------------------------------------- */

/* A user of Basic credentials cannot hold a colon: it comes percent-encoded. */
static void decode(char *text)
{
	char *to = text;

	for (; *text; text++) {
		int high = *text == '%' ? gv_hex_digit(text[1]) : -1, low = high >= 0 ? gv_hex_digit(text[2]) : -1;

		*to++ = low >= 0 ? (char)(high << 4 | low) : *text;
		text += low >= 0 ? 2 : 0;
	}
	*to = 0;
}

const char *serve_device(struct gv_turn *t, const Link__HttpRequest *r)
{
	const char *given = serve_header(r, "authorization"), *colon, *expected;
	struct gv_buf text = { 0 };
	char *kept;

	if (strncasecmp(given, "basic ", 6) != 0 || gv_base64_read(&text, given + 6, strlen(given + 6)) < 0) {
		gv_buf_fini(&text);
		return NULL;
	}
	kept = gv_strdup(t, gv_buf_str(&text));
	gv_buf_fini(&text);
	colon = strrchr(kept, ':'); /* a token has none */
	if (!colon)
		return NULL;
	kept[colon - kept] = 0;
	decode(kept);
	expected = serve_token(t, kept);
	if (strlen(colon + 1) != strlen(expected) || CRYPTO_memcmp(colon + 1, expected, strlen(expected)) != 0)
		return NULL;
	return kept;
}

/* It has an agent: it is not handed files by its plugin any more. */
static void known(struct ota *o, struct gv_turn *t, const char *device)
{
	const Ota__DeviceRow *row = device_get(t, device);

	if (row && !row->agent)
		device_edit(o, t, device)->agent = true;
}

/* ---- assignments ----------------------------------------------------------------------------- */

static void add_deltas(struct ota_assignment *it, const Ota__Artifact *a)
{
	for (size_t i = 0; i < a->n_deltas && it->delta_count < OTA_DELTAS_MAX; i++) {
		struct ota_delta *d = &it->deltas[it->delta_count++];

		snprintf(d->algorithm, sizeof d->algorithm, "%s", a->deltas[i]->algorithm);
		snprintf(d->from, sizeof d->from, "%s", a->deltas[i]->from);
		snprintf(d->sha256, sizeof d->sha256, "%s", a->deltas[i]->blob);
		d->length = (int64_t)a->deltas[i]->size;
	}
}

static int give_assignment(struct ota *o, struct gv_turn *t, uint64_t conn, const char *device)
{
	struct ota_assignment *it = gv_alloc(t, sizeof *it);
	const Ota__Artifact *artifact;
	struct assignment a;
	size_t size = 0;
	char *text;

	known(o, t, device);
	if (!assignment_of_device(&a, o, t, device) || !a.w->agent || !(artifact = assignment_artifact(&a)))
		return serve_text(t, conn, 404, "nothing is assigned\n");
	snprintf(it->device, sizeof it->device, "%s", device);
	snprintf(it->id, sizeof it->id, "u%llu", (unsigned long long)a.w->number);
	it->version = (int64_t)device_get(t, device)->assignment_version;
	it->expires_s = (gv_now_ms(t) + ASSIGNMENT_MS) / 1000;
	snprintf(it->path, sizeof it->path, "%s", artifact->id);
	snprintf(it->sha256, sizeof it->sha256, "%s", artifact->blob);
	it->length = (int64_t)artifact->size;
	it->counter = (int64_t)artifact->counter;
	add_deltas(it, artifact);
	text = document_sign(t, ota_assignment_make(it), KEY_DIRECTOR, &size);
	return text ? serve_text(t, conn, 200, text) : 0;
}

/* ---- reports --------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *it = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(it) ? it->valuestring : "";
}

static double number_of(const cJSON *object, const char *name)
{
	const cJSON *it = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(it) && it->valuedouble > 0 ? it->valuedouble : 0;
}

static Update__Step step_of(const char *word)
{
	static const struct {
		const char *word;
		Update__Step step;
	} words[] = {
		{ "downloading", STEP(DOWNLOADING) },
		{ "download-failed", STEP(DOWNLOAD_PAUSED) }, /* the agent tries it again by itself */
		{ "verified", STEP(VERIFIED) },
		{ "install-scheduled", STEP(INSTALL_SCHEDULED) },
		{ "installing", STEP(INSTALLING) },
		{ "rebooting", STEP(REBOOTING) },
		{ "installed", STEP(INSTALLED) },
		{ "invalid-signature", STEP(INVALID_SIGNATURE) },
		{ "verification-failed", STEP(VERIFICATION_FAILED) },
		{ "installation-failed", STEP(INSTALLATION_FAILED) },
		{ "reverted", STEP(REVERTED) },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(words[i].word, word))
			return words[i].step;
	return STEP(NONE);
}

/* What runs there, by kind: its word counts, it has confirmed it. */
static void take_installed(struct ota *o, struct gv_turn *t, const char *device, const cJSON *installed)
{
	for (int kind = 0; kind < OTA_KINDS; kind++) {
		const cJSON *it = cJSON_GetObjectItemCaseSensitive(installed, ota_kind_name((enum ota_kind)kind));

		if (it && *text_of(it, "version"))
			device_reported(o, t, device, ota_kind_name((enum ota_kind)kind), text_of(it, "version"),
					(uint64_t)number_of(it, "counter"));
	}
}

static int take_report(struct ota *o, struct gv_turn *t, uint64_t conn, const char *device, const Link__HttpRequest *r)
{
	Update__Progress *p = gv_alloc(t, sizeof *p);
	double bytes, total;
	cJSON *json = NULL;
	struct assignment a;

	if (r->body.len > REPORT_MAX || *r->body_blob ||
	    gv_json_tree(gv_allocator(t), (const char *)r->body.data, r->body.len, &json) || !cJSON_IsObject(json))
		return serve_text(t, conn, 400, "a report is a JSON object: docs/protocols/ota.md\n");
	known(o, t, device);
	take_installed(o, t, device, cJSON_GetObjectItemCaseSensitive(json, "installed"));
	if (!assignment_of_device(&a, o, t, device) || !a.w->agent)
		return serve_text(t, conn, 204, "");
	update__progress__init(p);
	p->id = (char *)text_of(json, "assignment");
	if (!*p->id) /* metadata that it refuses: what it has been assigned comes to nothing */
		p->id = gv_str(t, "u%llu", (unsigned long long)a.w->number);
	p->step = step_of(text_of(json, "step"));
	p->at_ms = gv_now_ms(t);
	p->detail = gv_str(t, "%s%s%.200s", strcmp(text_of(json, "result"), "OK") ? text_of(json, "result") : "",
			   *text_of(json, "detail") ? " " : "", text_of(json, "detail"));
	bytes = number_of(json, "bytes");
	total = number_of(json, "total");
	p->percent = total > 0 && bytes <= total ? (uint32_t)(100 * bytes / total) : 0;
	hear_progress(&a, p);
	return serve_text(t, conn, 204, "");
}

int serve_agent(struct ota *o, struct gv_turn *t, uint64_t conn, const Link__HttpRequest *r, const char *device,
		const char *what)
{
	bool get = !strcmp(r->method, "GET") || !strcmp(r->method, "HEAD");

	if (get && !strcmp(what, "assignment.json"))
		return give_assignment(o, t, conn, device);
	if (!strcmp(r->method, "POST") && !strcmp(what, "report"))
		return take_report(o, t, conn, device, r);
	return serve_text(t, conn, 404, "there is nothing here: docs/protocols/ota.md\n");
}
