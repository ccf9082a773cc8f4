/* The repository as clients of The Update Framework read it, below /ota/tuf/. */
#include "../core/tuf.h"
#include "../repository/repository.h"
#include "serve.h"

#include <stdlib.h>
#include <string.h>

#define TARGETS "targets/"
#define DELTAS "deltas/"

/* "3.root.json", "timestamp.json": the document's row; NULL: there is none of that name. */
static const Ota__DocumentRow *document_of(struct gv_turn *t, const char *name)
{
	static const char *const roles[] = { ROLE_ROOT, ROLE_TARGETS, ROLE_SNAPSHOT, ROLE_TIMESTAMP };
	char *rest = (char *)name;
	uint64_t version = *name >= '1' && *name <= '9' ? strtoull(name, &rest, 10) : 0;

	if (rest != name && *rest++ != '.')
		return NULL;
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
		const Ota__RoleRow *row = role_get(t, roles[i]);

		if (!strcmp(rest, gv_str(t, "%s.json", roles[i])) && row)
			return document_row(t, roles[i], version ? version : row->version);
	}
	return NULL;
}

/* "acme-ac/2.1.0/HASH.ac.bin" is the file of acme-ac/2.1.0/ac.bin; NULL: of none. */
static const char *file_of(struct gv_turn *t, const char *location)
{
	const char *slash = strrchr(location, '/'), *last = slash ? slash + 1 : location;
	const Ota__Artifact *a;

	if (strlen(last) < TUF_HASH_TEXT || last[TUF_HASH_TEXT - 1] != '.')
		return NULL;
	a = artifact_get(t, gv_str(t, "%.*s%s", (int)(last - location), location, last + TUF_HASH_TEXT));
	if (!a || !strcmp(a->state, "unsigned") || strncmp(a->blob, last, TUF_HASH_TEXT - 1) != 0)
		return NULL;
	return a->blob;
}

/* Whatever the repository refers to may be read by each of its devices. */
static const char *delta_of(struct gv_turn *t, const char *blob)
{
	const Ota__BlobRow *row = strlen(blob) == TUF_HASH_TEXT - 1 ? gv_get(t, &ota_blobs, gv_key(blob)) : NULL;

	return row && row->references ? blob : NULL;
}

int serve_tuf(struct ota *o, struct gv_turn *t, uint64_t conn, const char *name, const char *device)
{
	const Ota__DocumentRow *document;
	const char *blob = NULL;

	if (!strncmp(name, TARGETS, strlen(TARGETS)))
		blob = file_of(t, name + strlen(TARGETS));
	else if (!strncmp(name, DELTAS, strlen(DELTAS)))
		blob = delta_of(t, name + strlen(DELTAS));
	if (blob)
		return serve_blob(o, t, conn, blob, "application/octet-stream",
				  serve_budgets(o, t, gv_get(t, &ota_active, gv_key(device))));
	document = document_of(t, name);
	if (!document)
		return serve_text(t, conn, 404, "there is no such document\n");
	return serve_blob(o, t, conn, document->blob, "application/json", NULL);
}
