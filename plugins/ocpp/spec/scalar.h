/* What validate.c needs of scalar.c, and the reverse. */
#ifndef OCPP_SCALAR_H
#define OCPP_SCALAR_H

#include "validate.h"

/* A value that is neither list nor object. 0, or -EINVAL with code and text. */
int check_scalar(const struct spec_field *f, struct cJSON *item, struct check *c);

/* Memory for what is put into the payload, NULL where there is none; and what was in it is not needed any more. */
void *check_alloc(const struct check *c, size_t size);
void check_free(const struct check *c, void *memory);

/* Both return -EINVAL. */
int check_wrong_type(struct check *c, const char *wanted, const struct cJSON *item);
int __attribute__((format(printf, 3, 4))) check_fail(struct check *c, enum rpc_code code, const char *fmt, ...);

#endif
