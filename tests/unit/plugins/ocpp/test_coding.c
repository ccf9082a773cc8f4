/* Bodies of HTTP: decoded to what they were and never to more than they may be. */
#include <plugins/ocpp/wire/coding.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX 1000

static struct gv_buf out, packed;

static void teardown(void)
{
	gv_buf_fini(&out);
	gv_buf_fini(&packed);
}

TestSuite(ocpp_coding, .fini = teardown);

static int decode(const char *coding, size_t max)
{
	return coding_decode(coding, packed.data, packed.size, max, &out);
}

/* In zlib's format, or without its head. */
static void deflate_with(int window_bits, const char *text)
{
	z_stream z = { .next_in = (Bytef *)text, .avail_in = (uInt)strlen(text) };

	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	gv_buf_reserve(&packed, 4096);
	z.next_out = packed.data;
	z.avail_out = 4096;
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed.size = z.total_out;
	deflateEnd(&z);
}

Test(ocpp_coding, gzip_and_both_kinds_of_deflate_are_understood)
{
	cr_assert_eq(coding_gzip("hello", 5, &packed), 0);
	cr_expect_eq(decode("gzip", MAX), 0);
	cr_expect_str_eq(gv_buf_str(&out), "hello");
	cr_expect_eq(decode("X-Gzip", MAX), 0);
	deflate_with(MAX_WBITS, "zlib");
	cr_expect_eq(decode("deflate", MAX), 0);
	cr_expect_str_eq(gv_buf_str(&out), "zlib");
	deflate_with(-MAX_WBITS, "raw");
	cr_expect_eq(decode("deflate", MAX), 0);
	cr_expect_str_eq(gv_buf_str(&out), "raw");
}

Test(ocpp_coding, no_coding_is_one)
{
	gv_buf_puts(&packed, "plain");
	cr_expect_eq(decode("", MAX), 0);
	cr_expect_str_eq(gv_buf_str(&out), "plain");
	cr_expect_eq(decode("identity", MAX), 0);
	cr_expect_eq(decode("br", MAX), -ENOTSUP);
	cr_expect_eq(decode("", 4), -EFBIG);
}

Test(ocpp_coding, a_body_that_would_become_too_large_ends_there)
{
	char *zeros = calloc(1, 1 << 24);

	cr_assert_eq(coding_gzip(zeros, 1 << 24, &packed), 0);
	free(zeros);
	cr_expect_lt(packed.size, 1 << 16);
	cr_expect_eq(decode("gzip", 1 << 16), -EFBIG);
	cr_expect_lt(out.capacity, 1 << 18);
}

Test(ocpp_coding, exactly_what_may_be_is_taken)
{
	char text[MAX];

	memset(text, 'x', MAX);
	cr_assert_eq(coding_gzip(text, MAX, &packed), 0);
	cr_expect_eq(decode("gzip", MAX), 0);
	cr_expect_eq(out.size, MAX);
	cr_expect_eq(decode("gzip", MAX - 1), -EFBIG);
}

Test(ocpp_coding, what_is_cut_or_broken_is_told)
{
	cr_assert_eq(coding_gzip("hello, hello, hello", 19, &packed), 0);
	packed.size -= 9;
	cr_expect_eq(decode("gzip", MAX), -EBADMSG);
	packed.size = 0;
	gv_buf_puts(&packed, "no gzip at all");
	cr_expect_eq(decode("gzip", MAX), -EBADMSG);
	packed.size = 0;
	cr_expect_eq(decode("gzip", MAX), -EBADMSG);
}

Test(ocpp_coding, who_accepts_gzip_says_so)
{
	cr_expect(coding_accepts_gzip("gzip, deflate"));
	cr_expect(coding_accepts_gzip("deflate, GZIP;q=0.5"));
	cr_expect_not(coding_accepts_gzip(""));
	cr_expect_not(coding_accepts_gzip("identity"));
	cr_expect_not(coding_accepts_gzip("gzip;q=0"));
	cr_expect_not(coding_accepts_gzip("gzip;q=0.0, deflate"));
}
