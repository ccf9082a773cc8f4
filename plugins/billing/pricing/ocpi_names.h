/* The members of an element's restrictions, once for reading and writing. Used by ocpi_read.c and ocpi_write.c. */
#ifndef BILLING_OCPI_NAMES_H
#define BILLING_OCPI_NAMES_H

#include "tariff.h"

enum ocpi_form { OCPI_TIME, OCPI_DATE, OCPI_NUMBER };

struct ocpi_restriction {
	const char *name;
	unsigned bit;
	enum ocpi_form form;
	size_t offset;        /* in struct billing_restrictions: an int32_t for OCPI_TIME, else an int64_t */
	int decimals;         /* of the text: its number is kept times 10^decimals */
	int64_t times, limit; /* and times this; in which it is at most `limit` */
};
#define OCPI_RESTRICTIONS 12
extern const struct ocpi_restriction ocpi_restrictions[OCPI_RESTRICTIONS];

extern const char *const ocpi_days[7];         /* Monday first */
extern const char *const ocpi_reservations[3]; /* by enum billing_reservation; the first is none */
extern const char *const ocpi_taxes[4];        /* by enum billing_tax; the first is none */

#endif
