/* Tariffs as OCPI 2.2.1 and 2.3 JSON, in and out without loss.
 *
 * Numbers are read from their text, never through floating point. What prices (elements, limits, the currency, taxes)
 * must be understood to the last member: an unknown one there is refused by name. Members of the tariff itself that
 * price nothing (type, tariff_alt_text, energy_mix, last_updated, and any unknown) are kept as they are. */
#ifndef BILLING_OCPI_H
#define BILLING_OCPI_H

#include "tariff.h"

#define BILLING_OCPI_SIZE_MAX 65536 /* bytes of a tariff's JSON */

/* Reads, checks and prepares. *ret is set on success only; billing_tariff_fini frees it. -EINVAL with *ret_error filled
 * (field "" where the text is no JSON); -ENOMEM. */
int billing_ocpi_read(const char *text, size_t size, struct billing_tariff *ret, struct billing_error *ret_error);
/* Appends the tariff as JSON, in a fixed order: what is written reads back as the same tariff and writes the same. */
int billing_ocpi_write(const struct billing_tariff *t, struct gv_buf *out);

#endif
