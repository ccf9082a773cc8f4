/* The OpenAPI 3.1 document of all services of a node. A pure function of the catalogue. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "catalog.h"

#include <lib/buf.h>

/* Appends the document. -ENOMEM. */
int api_openapi_write(const struct api_catalog *c, const char *version, struct gv_buf *out);

#endif
