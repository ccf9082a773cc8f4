/* Times and hashes as metadata write them. */
#include "tuf_internal.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* Days since 1970 of a day of the Gregorian calendar, and back; months count from March, so that a leap day is last. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void day_of(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t shifted = days + 719468, era = shifted / 146097, of_era = shifted - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

static int digits(const char *text, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		n = n * 10 + (text[i] - '0');
	}
	return n;
}

int tuf_time_read(const char *text, int64_t *ret_s)
{
	char again[24];
	int year, month, day, hour, minute, second;
	int64_t time_s;

	if (strlen(text) != 20)
		return -TUF_MALFORMED;
	year = digits(text, 4);
	month = digits(text + 5, 2);
	day = digits(text + 8, 2);
	hour = digits(text + 11, 2);
	minute = digits(text + 14, 2);
	second = digits(text + 17, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || hour < 0 || minute < 0 || second < 0)
		return -TUF_MALFORMED;
	time_s = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	/* There is one way to write each time: 30 February and 25 o'clock come out as something else. */
	tuf_time_write(time_s, again);
	if (strcmp(text, again) != 0)
		return -TUF_MALFORMED;
	*ret_s = time_s;
	return 0;
}

void tuf_time_write(int64_t time_s, char ret[24])
{
	int64_t most_s = days_of(9999, 12, 31) * 86400 + 86399;
	int64_t bounded_s = time_s < 0 ? 0 : time_s > most_s ? most_s : time_s;
	int64_t year;
	int month, day, of_day_s = (int)(bounded_s % 86400);

	day_of(bounded_s / 86400, &year, &month, &day);
	snprintf(ret, 24, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year % 10000, month % 100, day % 100,
		 of_day_s / 3600 % 100, of_day_s / 60 % 60, of_day_s % 60);
}

void tuf_hex(const uint8_t *data, size_t size, char *ret)
{
	static const char DIGITS[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		ret[2 * i] = DIGITS[data[i] >> 4];
		ret[2 * i + 1] = DIGITS[data[i] & 15];
	}
	ret[2 * size] = '\0';
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tuf_unhex(const char *text, uint8_t *ret, size_t size)
{
	if (strlen(text) != 2 * size)
		return -TUF_MALFORMED;
	for (size_t i = 0; i < 2 * size; i++)
		if (nibble(text[i]) < 0)
			return -TUF_MALFORMED;
	for (size_t i = 0; i < size; i++)
		ret[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
	return 0;
}

bool tuf_is_hash(const char *text)
{
	uint8_t hash[32];

	return tuf_unhex(text, hash, sizeof(hash)) == 0;
}

int tuf_sha256(const void *data, size_t size, char ret[TUF_HASH_TEXT])
{
	uint8_t hash[32];

	if (EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL) != 1)
		return -TUF_CRYPTO;
	tuf_hex(hash, sizeof(hash), ret);
	return 0;
}
