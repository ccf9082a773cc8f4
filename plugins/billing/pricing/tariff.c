/* What a tariff holds, and what is said of a wrong one. */
#include "tariff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *billing_dimension_name(enum billing_dimension d)
{
	static const char *const names[] = { "FLAT", "ENERGY", "TIME", "PARKING_TIME" };
	return (size_t)d < BILLING_DIMENSIONS ? names[d] : "?";
}

void billing_error_set(struct billing_error *e, const char *text, const char *field_format, ...)
{
	va_list ap;
	va_start(ap, field_format);
	vsnprintf(e->field, sizeof e->field, field_format, ap);
	va_end(ap);
	snprintf(e->text, sizeof e->text, "%s", text);
}

void billing_tariff_fini(struct billing_tariff *t)
{
	free(t->elements);
	free(t->prepared);
	gv_buf_fini(&t->other);
	*t = (struct billing_tariff){ 0 };
}
