/* Tariffs state prices as decimals and people pay in minor units. Binary floating point holds neither, so decimals are
 * read here from their text, and the currencies' exponents are known. */
#include "money.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ISO 4217, the currencies in use, by their digits behind the point. Funds codes, metals and test codes are no means
 * of payment. */
static const char *const currencies[] = {
	"BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
	"",
	"AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
	"COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
	"INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
	"MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
	"SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ",
	"BHD IQD JOD KWD LYD OMR TND ",
	"CLF UYW ",
};

int billing_currency_exponent(const char *code)
{
	if (strlen(code) != 3)
		return -EINVAL;
	for (size_t i = 0; i < sizeof currencies / sizeof *currencies; i++)
		for (const char *at = currencies[i]; *at; at += 4)
			if (memcmp(at, code, 3) == 0)
				return (int)i;
	return -EINVAL;
}

int64_t billing_minor_micro(int exponent)
{
	int64_t micro = BILLING_MICRO;
	while (exponent-- > 0)
		micro /= 10;
	return micro;
}

/* ---- decimals -------------------------------------------------------------------------------- */

struct number {
	bool negative;
	char digits[64]; /* of the mantissa, without leading zeros */
	int n_digits;
	int exponent; /* of ten, for the last digit */
};

static bool is_digit(const char *at, const char *end)
{
	return at < end && *at >= '0' && *at <= '9';
}

/* Takes one digit; false if there are more than anything sensible has. */
static bool push(struct number *n, char digit)
{
	if (n->n_digits == 0 && digit == '0')
		return true;
	if (n->n_digits == (int)sizeof n->digits)
		return false;
	n->digits[n->n_digits++] = digit;
	return true;
}

static bool read_exponent(const char **at, const char *end, struct number *n)
{
	int value = 0;
	(*at)++;
	bool negative = *at < end && **at == '-';
	if (*at < end && (**at == '-' || **at == '+'))
		(*at)++;
	if (!is_digit(*at, end))
		return false;
	for (; is_digit(*at, end); (*at)++)
		value = value < 10000 ? value * 10 + (**at - '0') : value;
	n->exponent += negative ? -value : value;
	return true;
}

/* RFC 8259's number. */
static bool scan(const char *at, const char *end, struct number *n)
{
	*n = (struct number){ .negative = at < end && *at == '-' };
	at += n->negative;
	if (!is_digit(at, end) || (*at == '0' && is_digit(at + 1, end)))
		return false;
	for (; is_digit(at, end); at++)
		if (!push(n, *at))
			return false;
	if (at < end && *at == '.') {
		if (!is_digit(++at, end))
			return false;
		for (; is_digit(at, end); at++, n->exponent--)
			if (!push(n, *at))
				return false;
	}
	if (at < end && (*at == 'e' || *at == 'E') && !read_exponent(&at, end, n))
		return false;
	while (n->n_digits > 0 && n->digits[n->n_digits - 1] == '0') {
		n->n_digits--;
		n->exponent++;
	}
	return at == end;
}

int billing_decimal_read(const char *text, size_t size, int decimals, int64_t min, int64_t max, int64_t *ret)
{
	struct number n;
	int64_t value = 0;
	if (!scan(text, text + size, &n))
		return -EINVAL;
	int shift = n.n_digits > 0 ? n.exponent + decimals : 0;
	if (shift < 0)
		return -EDOM;
	for (int i = 0; i < n.n_digits; i++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, n.digits[i] - '0', &value))
			return -ERANGE;
	for (; shift > 0; shift--)
		if (__builtin_mul_overflow(value, 10, &value))
			return -ERANGE;
	value = n.negative ? -value : value;
	if (value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

void billing_decimal_write(int64_t value, int decimals, char ret[static BILLING_DECIMAL_MAX])
{
	char reversed[BILLING_DECIMAL_MAX];
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	size_t n = 0;
	while (decimals > 0 && rest % 10 == 0) {
		rest /= 10;
		decimals--;
	}
	for (; rest > 0 || decimals >= 0; rest /= 10) {
		reversed[n++] = (char)('0' + rest % 10);
		if (--decimals == 0)
			reversed[n++] = '.';
	}
	if (value < 0)
		*ret++ = '-';
	while (n > 0)
		*ret++ = reversed[--n];
	*ret = '\0';
}

void billing_money_write(int64_t minor, const char *currency, char ret[static BILLING_MONEY_MAX])
{
	char reversed[BILLING_MONEY_MAX];
	uint64_t rest = minor < 0 ? -(uint64_t)minor : (uint64_t)minor;
	int decimals = billing_currency_exponent(currency);
	size_t n = 0;
	for (int digit = 0; rest > 0 || digit <= decimals || digit == 0; digit++, rest /= 10) {
		if (digit > 0 && digit == decimals)
			reversed[n++] = '.';
		reversed[n++] = (char)('0' + rest % 10);
	}
	if (minor < 0)
		*ret++ = '-';
	while (n > 0)
		*ret++ = reversed[--n];
	snprintf(ret, 10, " %.8s", currency);
}
