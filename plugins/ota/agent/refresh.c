/* The repository's metadata: fetched as the client asks, kept as it says. */
#include "agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name_of(enum tuf_role role, char ret[64])
{
	snprintf(ret, 64, "metadata/%s.json", tuf_role_name(role));
}

/* What was kept of a role; of root, what the device was given where none was kept yet. */
static struct tuf_bytes kept(const struct agent *a, enum tuf_role role)
{
	char name[64], *data = NULL;
	size_t size = 0;

	name_of(role, name);
	if (agent_read(a, name, tuf_role_max(role), &data, &size) < 0 && role == TUF_ROOT)
		agent_read(a, "root.json", tuf_role_max(role), &data, &size);
	return (struct tuf_bytes){ data, size };
}

/* On disk in this order: what is void goes before the root that makes it so comes. */
static int keep(struct agent *a, enum tuf_role role, const struct tuf_keep *what, const struct agent_body *body)
{
	char name[64];
	int r = 0;

	if (what->drop) {
		r = agent_remove(a, "metadata/timestamp.json");
		if (r == 0)
			r = agent_remove(a, "metadata/snapshot.json");
	}
	name_of(role, name);
	if (r == 0 && what->keep)
		r = agent_replace(a, name, body->data, body->size);
	return r;
}

static int step(struct agent *a, struct tuf_client *c, const struct tuf_fetch *fetch, struct tuf_error *err)
{
	struct tuf_keep what = { 0 };
	struct agent_body body;
	char path[128];
	int status, r;

	snprintf(path, sizeof(path), "tuf/%s", fetch->name);
	status = agent_get(a, path, fetch->max, &body, err);
	if (body.too_large) {
		r = -TUF_TOO_LARGE;
	} else if (status == 404) {
		r = tuf_client_absent(c, err);
	} else if (status == 200) {
		r = tuf_client_give(c, body.data ? body.data : "", body.size, &what, err);
		if (r == 0 && keep(a, fetch->role, &what, &body) < 0) {
			snprintf(err->text, sizeof(err->text), "%s cannot be kept in %.200s", fetch->name, a->folder);
			r = -TUF_ORDER;
		}
	} else {
		if (status > 0)
			snprintf(err->text, sizeof(err->text), "%s: the server answers %d", path, status);
		r = -TUF_FAILED; /* no refusal: another time */
	}
	free(body.data);
	return r;
}

int agent_refresh(struct agent *a, struct tuf_client **ret, struct tuf_error *err)
{
	struct tuf_stored stored = { kept(a, TUF_ROOT), kept(a, TUF_TIMESTAMP), kept(a, TUF_SNAPSHOT),
				     kept(a, TUF_TARGETS) };
	struct tuf_client *c = NULL;
	struct tuf_fetch fetch;
	int r = tuf_client_create(&stored, a->now_s, &c, err);

	free((void *)stored.root.data);
	free((void *)stored.timestamp.data);
	free((void *)stored.snapshot.data);
	free((void *)stored.targets.data);
	while (r == 0 && tuf_client_wants(c, &fetch))
		r = step(a, c, &fetch, err);
	if (r < 0) {
		tuf_client_destroy(c);
		return r;
	}
	*ret = c;
	return 0;
}
